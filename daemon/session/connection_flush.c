/* connection_flush.c: what the end of a turn sends.
 *
 * A send to a socket walks all watchers of its other end, in one system call. A client can have millions there. So once a send has taken long,
 * the others of the turn are sent in turns that follow, where one such send ends the turn and its lane rests (daemon/base/turn.h). The lane
 * of the connection is charged, whichever turn it is: replies are also made by timers and by what comes back from workers. A lane that rests
 * sends nothing. */
#include "connection.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "session.h"

/* Returns whether it took long. Nothing is measured if it is the last one and is sent in its own turn, which is charged next. */
static bool flush_measured(struct connection *connection, const struct sessions *sessions) {
    struct lane *lane = &connection->user->lane;
    struct turns *turns = lane->turns;
    bool own = turns->last == lane;
    if (!own)
        (void)turn_charge(turns, turns->last);
    connection_flush(connection);
    return (!own || sessions->dirty) && turn_charge(turns, lane);
}

void connection_flush_all(struct sessions *sessions) {
    bool late = false;
    while (sessions->dirty) {
        struct connection *connection = sessions->dirty;
        sessions->dirty = connection->dirty_next;
        connection->dirty = false;
        if (!connection->dead && (late || lane_rests(&connection->user->lane)))
            connection_flush_later(connection);
        else
            late = flush_measured(connection, sessions) || late;
    }
}
