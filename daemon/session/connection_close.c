/* connection_close.c: what a connection leaves to be closed: received descriptors while it lasts, and its socket in the end.
 *
 * A socket is closed here, in a turn of its uid, if its client sends no more and nothing is left in it: then nothing of others is closed with it. That
 * is cheaper than a worker where clients come and go. The watchers of the client's end, which are walked, are charged to the uid with the turn;
 * so after one close that takes long the others of the turn are a worker's. */
#include "connection.h"
#include "daemon/access/user.h"
#include "daemon/base/metrics.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/identity.h"
#include "daemon/object/env.h"
#include "proto/socket.h"
#include "session.h"

#include <stdlib.h>

/* The closes of the socket and of discarded descriptors are the last references to a connection. */
static void free_closed(struct connection *connection) {
    if (!connection->closed || connection->discards)
        return;
    identity_unref(connection->identity);
    connection_forget_rights(connection);
    charge_deinit(&connection->charge);
    charge_deinit(&connection->accepted.charge);
    free(connection);
}

static void on_discarded(void *context) {
    struct connection *connection = context;
    connection->discards--;
    gates_discarded(connection->user);
    if (!connection->dead && connection->discards == CONNECTION_DISCARDS)
        connection_touch(connection);
    free_closed(connection);
}

void connection_discard(struct connection *connection, os_fd fd) {
    metrics_add(METRIC_CLOSES, 1);
    connection->discards++;
    gates_discard(connection->user, 1);
    closer_discard(connection->all->env->closer, &connection->user->discard_queue, fd, connection->user->uid,
                   on_discarded, connection);
}

static void on_closed(void *context) {
    struct connection *connection = context;
    kept_release(&connection->accepted.socket);
    connection->closed = true;
    free_closed(connection);
}

static bool is_closed_here(const struct connection *connection) {
    const struct lane *lane = &connection->user->lane;
    struct transport transport = connection->channel.transport;
    return lane->turns->last == lane && !lane->turns->cut && !lane_rests(lane) &&
           socket_is_shut(transport_peer(transport)) && transport_is_empty(transport);
}

void connection_close(struct connection *connection) {
    struct lane *lane = &connection->user->lane;
    turn_forget(&connection->task);
    if (is_closed_here(connection)) {
        transport_close(connection->channel.transport);
        turn_cut_if_long(lane->turns);
        if (lane->turns->cut) /* only then, so that the turn has the sum of many that are short */
            (void)turn_charge(lane->turns, lane); /* now, since its user may go with it */
        on_closed(connection);
        return;
    }
    closer_discard(connection->all->env->closer, &connection->user->discard_queue,
                   transport_take(connection->channel.transport), connection->user->uid, on_closed,
                   connection);
}

static void reap(struct connection *connection) {
    charge_give(&connection->charge, USER_DESCRIPTORS, connection->charge.used[USER_DESCRIPTORS]);
    kept_release(&connection->half);
    channel_deinit(&connection->channel, connection->channel.discard, connection);
    table_deinit(&connection->by_request);
    passing_count(connection);
    bool stays = passing_stays(connection);
    connection_charge_unread(connection);
    if (!stays)
        connection_close(connection);
}

void connection_reap_all(struct sessions *sessions) {
    while (sessions->dead) {
        struct connection *connection = sessions->dead;
        sessions->dead = connection->dead_next;
        reap(connection);
    }
}
