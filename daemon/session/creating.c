/* creating.c: completes a creating call at once, or when its probe is answered. */
#include "creating.h"

#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/object/bound.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/env.h"
#include "daemon/object/hold.h"
#include "daemon/object/pending_create.h"
#include "daemon/object/port.h"
#include "inflight.h"
#include "proto/container.h"
#include "recording.h"
#include "revoke.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>

/* A creating call in flight. */
struct waiting_create {
    struct inflight inflight; /* connection NULL: it has ended; nothing is made, and no reply sent */
    struct pending_create pending_create;
    struct creating creating;
    struct charge charge;
};

/* The last steps of both ways: makes, updates the watch, replies. pending_create: the answered probe; NULL: there was none. 0, or
 * -1 and the refusal. */
static int complete(const struct creating *creating, struct binding *binding,
                    const struct pending_create *pending_create, struct connection *connection,
                    uint64_t request, struct refusal *refusal) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    union creating_result result;
    int error = creating->make(creating, binding, pending_create ? &pending_create->try : NULL,
                               pending_create ? pending_create->ended : 0, &result, refusal);
    descriptor_update(bound_descriptor(binding));
    if (error)
        return -1;
    reply.id = request;
    reply.result_case = creating->result;
    reply.fd_to_evt = &result.object; /* every member of the union is a pointer to a message */
    int recorded = creating->hold && recording_is_needed(connection->all)
                       ? recording_start(connection, creating, binding, &result, request, refusal)
                       : 1;
    if (recorded < 1)
        return recorded;
    connection_reply(connection, &reply);
    return 0;
}

static void waiting_free(struct waiting_create *waiting) {
    charge_deinit(&waiting->charge);
    free(waiting);
}

static int complete_waiting(struct waiting_create *waiting, struct refusal *refusal) {
    const struct inflight *inflight = &waiting->inflight;
    struct pending_create *pending_create = &waiting->pending_create;
    if (descriptor_is_closing(bound_descriptor(pending_create->binding)))
        return refusal_set(refusal, REFUSAL_CLOSED, NULL, NULL, "the session has ended");
    return complete(&waiting->creating, pending_create->binding, pending_create, inflight->connection,
                    inflight->request, refusal);
}

static void on_made(struct pending_create *pending_create) {
    struct waiting_create *waiting = CONTAINER_OF(pending_create, struct waiting_create, pending_create);
    struct inflight *inflight = &waiting->inflight;
    struct descriptor *descriptor = bound_descriptor(pending_create->binding);
    struct refusal refusal;
    if (inflight->connection) {
        inflight_remove(inflight);
        if (complete_waiting(waiting, &refusal))
            connection_refuse(inflight->connection, inflight->request, &refusal);
    } else if (!descriptor_is_closing(descriptor)) {
        descriptor_update(descriptor);
    }
    waiting_free(waiting);
}

/* The connection has ended; the poller thread may still be using the record. */
static void orphan(struct inflight *inflight) { inflight->connection = NULL; }

static int start_probe(struct call *call, const struct creating *creating, struct binding *binding) {
    struct waiting_create *waiting =
        call_remember(call, sizeof *waiting, offsetof(struct waiting_create, charge));
    if (!waiting)
        return -1;
    waiting->creating = *creating;
    waiting->pending_create.kind = creating->kind;
    waiting->pending_create.direction = creating->direction;
    waiting->pending_create.done = on_made;
    waiting->inflight = (struct inflight){.windowed = true, .orphan = orphan};
    inflight_add(call->connection, &waiting->inflight, call->request->id);
    pending_create_start(&waiting->pending_create, binding);
    return 0;
}

static int claim(struct call *call, const struct creating *creating, uint64_t key,
                 struct binding_claim *claim) {
    int error = binding_claim(&call->session->session_objects, key, call->fd, creating->socket,
                              creating->objects, claim, &call->refusal);
    if (claim->kept)
        call_take(call);
    return error;
}

static int claim_number(struct call *call, const struct creating *creating, struct binding_claim *binding) {
    bool apart = creating->socket && inspect_sockets_are_apart();
    return claim(call, creating, connection_key(call->connection, creating->number, apart), binding);
}

/* A copy of what is held, in a slot that is counted. */
static int copy_held(struct call *call, const struct hold *hold) {
    const struct env *env = call->connection->all->env;
    if (!limit_may_keep(call->connection->user, 1, 1))
        return holders_refuse_table(call->connection->user, &call->refusal);
    call->fd = os_dup(bound_descriptor(hold->binding)->fd);
    if (call->fd == OS_FD_NONE)
        return refusal_system(&call->refusal, errno, "cannot copy the held descriptor");
    fd_table_take(env->fd_table, 1);
    return 0;
}

/* The session's binding by the hold, made if there is none. */
static int claim_hold(struct call *call, const struct creating *creating, struct binding_claim *binding) {
    struct session_objects *session_objects = &call->session->session_objects;
    struct hold *hold = creating->hold;
    uint64_t key;
    *binding = (struct binding_claim){.binding = hold_binding(hold, session_objects)};
    if (binding->binding && !descriptor_is_closing(bound_descriptor(binding->binding)))
        return 0;
    if (copy_held(call, hold) || hold_get_key(hold, session_objects, &key, &call->refusal))
        return -1;
    int error = claim(call, creating, key, binding);
    if (error || !hold_join(hold, bound_descriptor(binding->binding), &call->refusal))
        return error;
    descriptor_update(bound_descriptor(binding->binding));
    return -1;
}

/* The rights that the call has asked for. */
static void note_rights(struct call *call, const struct creating *creating, struct descriptor *copy) {
    const struct hold *hold = creating->hold;
    if (hold->owner == call->connection->peer.uid)
        return;
    if (creating->kind != OBJECT_PORT) {
        revoke_note(call, hold, copy, RIGHT_WATCH);
        return;
    }
    const struct port_options *options = creating->options;
    if (options->ends[DIRECTION_READ])
        revoke_note(call, hold, copy, RIGHT_READ);
    if (options->ends[DIRECTION_WRITE])
        revoke_note(call, hold, copy, RIGHT_WRITE);
}

int creating_start(struct call *call, struct creating *creating) {
    struct binding_claim claim;
    if (creating->hold && recording_check(call->connection->all, &call->refusal))
        return -1;
    if (creating->hold ? claim_hold(call, creating, &claim) : claim_number(call, creating, &claim))
        return -1;
    creating->replaced = claim.replaced;
    if (creating->hold)
        note_rights(call, creating, bound_descriptor(claim.binding));
    if (!pending_create_is_needed(claim.binding, creating->kind, creating->direction))
        return complete(creating, claim.binding, NULL, call->connection, call->request->id, &call->refusal);
    int error = start_probe(call, creating, claim.binding);
    if (error)
        descriptor_update(bound_descriptor(claim.binding));
    return error;
}
