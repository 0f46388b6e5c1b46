/* keeping.c: the in-flight request and the order of each such call. */
#include "keeping.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/bound.h"
#include "daemon/object/cause.h"
#include "daemon/object/registry.h"
#include "daemon/store/store.h"
#include "hold_record.h"
#include "holding.h"
#include "inflight.h"
#include "proto/container.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>

struct keeping {
    struct inflight inflight;
    struct store_order order;
    struct charge charge;
    struct sessions *all;
    bool is_put;
    bool is_told; /* the keeper has answered */
    int error;
    size_t n;
    uint64_t ids[];
};

bool keeping_is_needed(const struct call *call) {
    const struct store *store = call->connection->all->store;
    return store && store_is_kept(store);
}

int keeping_check(struct call *call) {
    if (!keeping_is_needed(call) || !store_is_full(call->connection->all->store))
        return 0;
    return refusal_set(&call->refusal, REFUSAL_LIMIT, NULL, "try again in a moment",
                       "the keeper has not read what it was given before");
}

/* When the keeper has answered and nobody waits for the reply. */
static void keeping_free(struct keeping *keeping) { free(keeping); }

static void refuse(int error, struct refusal *refusal) {
    if (error == -EMFILE)
        refusal_set(refusal, REFUSAL_LIMIT, NULL, "drop what is not needed, or raise the limit of open files",
                    "the keeper has no room for more descriptors");
    else
        refusal_system(refusal, -error, "the keeper cannot keep it");
}

static void emit(struct inflight *inflight) {
    struct keeping *keeping = CONTAINER_OF(inflight, struct keeping, inflight);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Held held = PORTD__V1__HELD__INIT;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    struct refusal refusal;
    charge_deinit(&keeping->charge);
    if (keeping->error) {
        refuse(keeping->error, &refusal);
        connection_refuse(inflight->connection, inflight->request, &refusal);
    } else if (keeping->is_put) {
        held.descriptors = keeping->ids;
        held.n_descriptors = keeping->n;
        reply.result_case = PORTD__V1__REPLY__RESULT_PUT;
        reply.put = &held;
    } else {
        reply.result_case = PORTD__V1__REPLY__RESULT_RENEW;
        reply.renew = &done;
    }
    reply.id = inflight->request;
    if (!keeping->error)
        connection_reply(inflight->connection, &reply);
    keeping_free(keeping);
}

static void orphan(struct inflight *inflight) {
    struct keeping *keeping = CONTAINER_OF(inflight, struct keeping, inflight);
    charge_deinit(&keeping->charge);
    inflight->connection = NULL;
    if (keeping->is_told)
        keeping_free(keeping);
}

/* What the keeper could not take is not held. */
static void end_all(const struct keeping *keeping) {
    for (size_t i = 0; i < keeping->n; i++) {
        struct object *object = registry_find(keeping->all->registry, keeping->ids[i]);
        struct hold *hold = object ? hold_of(bound_of_object(object)) : NULL;
        if (hold && !hold->cause)
            held_end(held_of(hold), CAUSE_REMOVED);
    }
}

static void on_kept(struct store_order *order, int error) {
    struct keeping *keeping = CONTAINER_OF(order, struct keeping, order);
    keeping->is_told = true;
    keeping->error = error;
    if (error && keeping->is_put)
        end_all(keeping);
    if (keeping->inflight.connection)
        inflight_ready(&keeping->inflight);
    else
        keeping_free(keeping);
}

int keeping_start(struct call *call, struct held *const *held, size_t n, bool is_put) {
    struct keeping *keeping =
        call_remember(call, sizeof *keeping + n * sizeof *keeping->ids, offsetof(struct keeping, charge));
    int error = 0;
    if (!keeping)
        return -1;
    keeping->all = call->connection->all;
    keeping->is_put = is_put;
    keeping->n = n;
    for (size_t i = 0; i < n && !error; i++) {
        keeping->ids[i] = held[i]->hold.id;
        error = hold_record_keep(&keeping->order, held[i]);
    }
    keeping->order.done = on_kept;
    if (error)
        store_cancel(&keeping->order);
    else
        error = store_commit(keeping->all->store, &keeping->order);
    if (error) {
        charge_deinit(&keeping->charge);
        keeping_free(keeping);
        if (error == 1)
            return 1;
        return error == -ENOMEM ? refusal_memory(&call->refusal)
                                : refusal_system(&call->refusal, -error, "cannot give it to the keeper");
    }
    for (size_t i = 0; i < n; i++)
        held[i]->kept = true;
    keeping->inflight = (struct inflight){.windowed = true, .emit = emit, .orphan = orphan};
    inflight_add(call->connection, &keeping->inflight, call->request->id);
    return 0;
}
