/* call_upgrade.c: upgrade: who has the right may have another broker take over, of the program that is installed now. This broker refuses it, or has gone: the next one
 * answers. */
#include "call.h"
#include "connection.h"
#include "daemon/access/refusal.h"
#include "dispatch.h"
#include "inflight.h"
#include "proto/container.h"
#include "session.h"
#include "upgrade_wait.h"

#include <stdlib.h>

struct upgrade {
    struct inflight inflight;
    struct charge charge;
    struct upgrade_wait wait;
};

static struct upgrade *upgrade_of(struct inflight *inflight) {
    return CONTAINER_OF(inflight, struct upgrade, inflight);
}

static void upgrade_free(struct upgrade *upgrade) {
    if (ring_has(&upgrade->wait.node))
        ring_remove(&upgrade->wait.node);
    charge_deinit(&upgrade->charge);
    free(upgrade);
}

static void on_failed(struct upgrade_wait *wait, const struct refusal *refusal) {
    struct upgrade *upgrade = CONTAINER_OF(wait, struct upgrade, wait);
    struct inflight *inflight = &upgrade->inflight;
    inflight_remove(inflight);
    connection_refuse(inflight->connection, inflight->request, refusal);
    upgrade_free(upgrade);
}

static void orphan(struct inflight *inflight) { upgrade_free(upgrade_of(inflight)); }

int call_upgrade(struct call *call) {
    const struct sessions *sessions = call->connection->all;
    if (!call->others)
        return refusal_set(&call->refusal, REFUSAL_DENIED, NULL,
                           "ask root, or whoever runs the broker, or a user with the right admin",
                           "an upgrade needs the right admin");
    if (!sessions->upgrade)
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, NULL, "restart portd",
                           "no other broker can take over from this one");
    struct upgrade *upgrade = call_remember(call, sizeof *upgrade, offsetof(struct upgrade, charge));
    if (!upgrade)
        return -1;
    upgrade->inflight = (struct inflight){.orphan = orphan};
    upgrade->wait.failed = on_failed;
    inflight_add(call->connection, &upgrade->inflight, call->request->id);
    sessions->upgrade(sessions->upgrade_context, &upgrade->wait);
    return 0;
}
