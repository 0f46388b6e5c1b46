/* abandoned.c: see abandoned.h. The cheap checks come first. */
#include "abandoned.h"

#include "connection.h"
#include "lease.h"
#include "session.h"
#include "utlist.h"

bool sessions_abandoned(const struct sessions *sessions) {
    const struct connection *connection;
    const struct session *session;
    DL_FOREACH (sessions->connections, connection)
        if (!peer_has_ended(transport_peer(connection->channel.transport), &connection->peer))
            return false;
    DL_FOREACH (sessions->list, session)
        if (lease_bound(&session->lease))
            return false;
    return abandoned_inside();
}
