/* keeping.c: the in-flight request and the order of each such call. */
#include "keeping.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
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
    struct charge charge; /* until the keeper has answered, though the connection may have gone */
    struct sessions *all;
    bool is_told; /* the keeper has answered */
    int error;
    size_t n;
    struct renewal *renewals; /* of each; NULL: it is a put */
    uint64_t *ids;
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
static void keeping_free(struct keeping *keeping) {
    charge_deinit(&keeping->charge);
    free(keeping);
}

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
    if (keeping->error) {
        refuse(keeping->error, &refusal);
        connection_refuse(inflight->connection, inflight->request, &refusal);
    } else if (!keeping->renewals) {
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
    inflight->connection = NULL;
    if (keeping->is_told)
        keeping_free(keeping);
}

/* Those that the put has made, as far as they have not ended. */
static void end_put(const struct keeping *keeping) {
    for (size_t i = 0; i < keeping->n; i++) {
        struct held *held = held_get(keeping->all, keeping->ids[i]);
        if (held && keeping->error) {
            held_undo(held);
        } else if (held) {
            held_settle(held);
            held_start(held);
        }
    }
}

static void end_renewals(const struct keeping *keeping) {
    for (size_t i = 0; i < keeping->n; i++)
        if (keeping->error)
            held_unrenew(&keeping->renewals[i]);
        else
            held_renew(&keeping->renewals[i]);
}

static void on_kept(struct store_order *order, int error) {
    struct keeping *keeping = CONTAINER_OF(order, struct keeping, order);
    keeping->is_told = true;
    keeping->error = error;
    if (keeping->renewals)
        end_renewals(keeping);
    else
        end_put(keeping);
    if (keeping->inflight.connection)
        inflight_ready(&keeping->inflight);
    else
        keeping_free(keeping);
}

/* NULL: the refusal. */
static struct keeping *keeping_new(struct call *call, size_t n, bool is_put) {
    size_t renewals = is_put ? 0 : n * sizeof(struct renewal);
    struct keeping *keeping = call_remember(call, sizeof *keeping + renewals + n * sizeof *keeping->ids,
                                            offsetof(struct keeping, charge));
    if (!keeping)
        return NULL;
    keeping->all = call->connection->all;
    keeping->n = n;
    keeping->renewals = is_put ? NULL : (struct renewal *)(keeping + 1);
    keeping->ids = (uint64_t *)(void *)((char *)(keeping + 1) + renewals);
    return keeping;
}

/* Gives the order to the keeper: as keeping_put. */
static int commit(struct call *call, struct keeping *keeping, int error) {
    keeping->order.done = on_kept;
    if (error)
        store_cancel(&keeping->order);
    else
        error = keeping_is_needed(call) ? store_commit(keeping->all->store, &keeping->order) : 1;
    if (error == 1)
        return 1;
    if (error)
        return error == -ENOMEM ? refusal_memory(&call->refusal)
                                : refusal_system(&call->refusal, -error, "cannot give it to the keeper");
    keeping->inflight = (struct inflight){.windowed = true, .emit = emit, .orphan = orphan};
    inflight_add(call->connection, &keeping->inflight, call->request->id);
    return 0;
}

int keeping_put(struct call *call, struct held *const *made, struct held *const *replaced, size_t n) {
    struct keeping *keeping = keeping_new(call, n, true);
    int error = 0;
    if (!keeping)
        return -1;
    for (size_t i = 0; i < n && !error; i++) {
        keeping->ids[i] = made[i]->hold.id;
        error = hold_record_keep(&keeping->order, made[i], NULL);
    }
    for (size_t i = 0; i < n && !error; i++)
        if (replaced[i])
            error = store_forget(&keeping->order, replaced[i]->hold.id);
    int result = commit(call, keeping, error);
    if (result)
        keeping_free(keeping);
    for (size_t i = 0; i < n && !result; i++) {
        made[i]->kept = true;
        if (replaced[i])
            held_replace(made[i], replaced[i]);
    }
    return result;
}

int keeping_renew(struct call *call, struct held *const *held, const struct holding_terms *terms, size_t n) {
    struct keeping *keeping = keeping_new(call, n, false);
    int error = 0;
    if (!keeping)
        return -1;
    for (size_t i = 0; i < n && !error; i++)
        error = held_prepare(held[i], terms, &keeping->renewals[i], &call->refusal);
    int result = error;
    for (size_t i = 0; i < n && !error && keeping_is_needed(call); i++)
        error = hold_record_keep(&keeping->order, held[i], &keeping->renewals[i]);
    if (!result)
        result = commit(call, keeping, error);
    if (!result)
        return 0;
    keeping->error = result < 0;
    end_renewals(keeping);
    keeping_free(keeping);
    return result;
}
