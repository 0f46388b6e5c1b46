/* connection_flush.c: what the end of a turn sends.
 *
 * A send to a socket walks all watchers of its other end, in one system call. A client can have millions there. So once a send has taken long,
 * the others of the turn are sent in turns that follow, where one such send ends the turn and its lane rests (daemon/base/turn.h). */
#include "connection.h"
#include "daemon/base/turn.h"
#include "proto/os.h"
#include "session.h"

void connection_flush_all(struct sessions *sessions) {
    int64_t began = sessions->dirty && sessions->dirty->dirty_next ? os_coarse_us() : 0;
    bool late = false;
    while (sessions->dirty) {
        struct connection *connection = sessions->dirty;
        sessions->dirty = connection->dirty_next;
        connection->dirty = false;
        if (late && !connection->dead) {
            connection_flush_later(connection);
            continue;
        }
        connection_flush(connection);
        late = late || (sessions->dirty && os_coarse_us() - began >= TURN_LONG_US);
    }
}
