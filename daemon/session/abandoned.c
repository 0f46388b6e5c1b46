/* abandoned.c: see abandoned.h. What answers at once in the usual case comes first. */
#define _GNU_SOURCE

#include "abandoned.h"

#include "connection.h"
#include "utlist.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

static bool has_ended(const struct connection *connection) {
    os_fd process = OS_FD_NONE;
    int error = peer_process(connection->watch.fd, &process);
    if (error == -ESRCH)
        return true;
    if (error) /* a number that has been given again looks alive, and then the broker stays */
        return connection->peer.pid && kill((pid_t)connection->peer.pid, 0) < 0 && errno == ESRCH;
    struct pollfd end = {.fd = process, .events = POLLIN};
    bool ended = poll(&end, 1, 0) > 0;
    os_close(process);
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
