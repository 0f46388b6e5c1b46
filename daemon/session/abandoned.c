/* abandoned.c: see abandoned.h. The cheap checks come first. */
#include "abandoned.h"

#include "connection.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "lease.h"
#include "session.h"
#include "utlist.h"

static bool has_ended(const struct connection *connection) {
    os_fd process;
    bool ended = peer_has_ended(transport_peer(connection->channel.transport), &connection->peer, &process);
    discard_opened(connection->all->env->closer, connection->user, process);
    return ended;
}

bool sessions_abandoned(const struct sessions *sessions) {
    const struct connection *connection;
    const struct session *session;
    DL_FOREACH (sessions->connections, connection)
        if (!has_ended(connection))
            return false;
    DL_FOREACH (sessions->list, session)
        if (lease_bound(&session->lease))
            return false;
    return abandoned_inside();
}
