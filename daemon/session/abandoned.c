/* abandoned.c: see abandoned.h. The cheap checks come first.
 *
 * A process that has ended stays so: the connection remembers it. So a check that has opened as many descriptors as one may goes on where it was at the next. One for
 * which the table of descriptors has no room has not begun: there is no next one soon. */
#include "abandoned.h"

#include "connection.h"
#include "daemon/access/fd_table.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "lease.h"
#include "session.h"
#include "utlist.h"

enum { OPENED_MOST = 64 /* in one check: a worker closes them */ };

static bool has_ended(struct connection *connection, size_t *opened, bool *unfinished) {
    os_fd process;
    if (connection->left)
        return true;
    *unfinished = *opened >= OPENED_MOST;
    if (*unfinished || !fd_table_may_keep(connection->all->env->fd_table, 1))
        return false;
    connection->left =
        peer_has_ended(transport_peer(connection->channel.transport), &connection->peer, &process);
    *opened += process != OS_FD_NONE;
    discard_opened(connection->all->env->closer, connection->user, process);
    return connection->left;
}

bool sessions_abandoned(const struct sessions *sessions, bool *unfinished) {
    struct connection *connection;
    const struct session *session;
    size_t opened = 0;
    *unfinished = false;
    DL_FOREACH (sessions->connections, connection)
        if (!has_ended(connection, &opened, unfinished))
            return false;
    DL_FOREACH (sessions->list, session)
        if (lease_bound(&session->lease) || session->holding)
            return false;
    return abandoned_inside();
}
