/* call_reload.c: reload: who has the right may have the configuration read again. The broker's own part does it (daemon/reloader.h). */
#include "call.h"
#include "connection.h"
#include "daemon/access/refusal.h"
#include "dispatch.h"
#include "inflight.h"
#include "proto/container.h"
#include "reload.h"
#include "session.h"

#include <stdlib.h>

struct reload {
    struct inflight inflight;
    struct charge charge;
    struct reload_wait wait;
};

static struct reload *reload_of(struct inflight *inflight) {
    return CONTAINER_OF(inflight, struct reload, inflight);
}

static void reload_free(struct reload *reload) {
    if (ring_has(&reload->wait.node))
        ring_remove(&reload->wait.node);
    charge_deinit(&reload->charge);
    free(reload);
}

static void on_done(struct reload_wait *wait, const struct reload_answer *answer) {
    struct reload *reload = CONTAINER_OF(wait, struct reload, wait);
    struct inflight *inflight = &reload->inflight;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Reloaded reloaded = PORTD__V1__RELOADED__INIT;
    inflight_remove(inflight);
    reply.id = inflight->request;
    reply.result_case = PORTD__V1__REPLY__RESULT_RELOAD;
    reply.reload = &reloaded;
    reloaded.n_notes = answer->n_notes;
    reloaded.notes = (char **)(uintptr_t)answer->notes; /* packing only reads them */
    if (answer->refusal)
        connection_refuse(inflight->connection, inflight->request, answer->refusal);
    else
        connection_reply(inflight->connection, &reply);
    reload_free(reload);
}

static void orphan(struct inflight *inflight) { reload_free(reload_of(inflight)); }

/* The configuration is read all the same, perhaps for others. */
static void cancel(struct inflight *inflight) {
    struct refusal refusal;
    inflight_remove(inflight);
    refusal_set(&refusal, REFUSAL_CANCELLED, NULL, NULL, "cancelled");
    connection_refuse(inflight->connection, inflight->request, &refusal);
    reload_free(reload_of(inflight));
}

int call_reload(struct call *call) {
    const struct sessions *sessions = call->connection->all;
    struct reload *reload;
    if (!call->others)
        return refusal_set(
            &call->refusal, REFUSAL_DENIED, NULL, NULL,
            "the right admin is missing: root, the broker's own user and those to whom a rule grants "
            "it may reload the configuration");
    if (!sessions->reload)
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, NULL, NULL, "there is no configuration");
    reload = call_remember(call, sizeof *reload, offsetof(struct reload, charge));
    if (!reload)
        return -1;
    reload->wait.done = on_done;
    reload->inflight = (struct inflight){.windowed = true, .orphan = orphan, .cancel = cancel};
    inflight_add(call->connection, &reload->inflight, call->request->id);
    sessions->reload(sessions->reload_context, &reload->wait);
    return 0;
}
