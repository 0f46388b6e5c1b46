/* creating.c: at once, or when the answer has come. */
#include "creating.h"

#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/object/bound.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/making.h"
#include "parked.h"
#include "proto/container.h"
#include "session.h"

#include <stdlib.h>

/* One that waits for an answer. */
struct waiting_create {
    struct parked parked; /* connection NULL: nobody is answered, and nothing is made */
    struct making making;
    struct creating creating;
    struct charge charge;
};

/* The last steps, whenever they come: makes, settles, answers. making: what has been asked, or NULL. 0, or -1 and the refusal. */
static int complete(const struct creating *creating, struct binding *binding, const struct making *making,
                    struct connection *connection, uint64_t request, struct refusal *refusal) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    union creating_result result;
    int error = creating->make(creating, binding, making ? &making->try : NULL, making ? making->ended : 0,
                               &result, refusal);
    descriptor_settle(bound_descriptor(binding));
    if (error)
        return -1;
    reply.id = request;
    reply.result_case = creating->result;
    reply.fd_to_evt = &result.object; /* every member of the union is a pointer to a message */
    connection_reply(connection, &reply);
    return 0;
}

static void waiting_free(struct waiting_create *waiting) {
    charge_deinit(&waiting->charge);
    free(waiting);
}

static int go_on(struct waiting_create *waiting, struct refusal *refusal) {
    const struct parked *parked = &waiting->parked;
    struct making *making = &waiting->making;
    if (descriptor_is_closing(bound_descriptor(making->binding)))
        return refusal_set(refusal, REFUSAL_CLOSED, NULL, NULL, "the session has ended");
    return complete(&waiting->creating, making->binding, making, parked->connection, parked->request,
                    refusal);
}

static void on_made(struct making *making) {
    struct waiting_create *waiting = CONTAINER_OF(making, struct waiting_create, making);
    struct parked *parked = &waiting->parked;
    struct descriptor *descriptor = bound_descriptor(making->binding);
    struct refusal refusal;
    if (parked->connection) {
        parked_remove(parked);
        if (go_on(waiting, &refusal))
            connection_refuse(parked->connection, parked->request, &refusal);
    } else if (!descriptor_is_closing(descriptor)) {
        descriptor_settle(descriptor);
    }
    waiting_free(waiting);
}

/* The connection has ended; the sentry still has the descriptor in its hands. */
static void cancel(struct parked *parked) { parked->connection = NULL; }

static int park(struct call *call, const struct creating *creating, struct binding *binding) {
    struct waiting_create *waiting =
        call_remember(call, sizeof *waiting, offsetof(struct waiting_create, charge));
    if (!waiting)
        return -1;
    waiting->creating = *creating;
    waiting->making.kind = creating->kind;
    waiting->making.direction = creating->direction;
    waiting->making.done = on_made;
    waiting->parked = (struct parked){.windowed = true, .cancel = cancel};
    parked_add(call->connection, &waiting->parked, call->request->id);
    making_start(&waiting->making, binding);
    return 0;
}

int creating_start(struct call *call, struct creating *creating) {
    struct binding_claim claim;
    int error = binding_claim(&call->session->belongings, connection_key(call->connection, creating->number),
                              call->fd, creating->socket, creating->objects, &claim, &call->refusal);
    call->closes_at_once = claim.same && inspect_closes_at_once(claim.type);
    if (claim.kept)
        call_take(call);
    if (error)
        return -1;
    creating->replaced = claim.replaced;
    if (!making_is_needed(claim.binding, creating->kind, creating->direction))
        return complete(creating, claim.binding, NULL, call->connection, call->request->id, &call->refusal);
    error = park(call, creating, claim.binding);
    if (error)
        descriptor_settle(bound_descriptor(claim.binding));
    return error;
}
