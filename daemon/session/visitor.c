/* visitor.c: its beginning, its end, and the time for half a message. */
#include "visitor.h"

#include "daemon/access/user.h"
#include "proto/container.h"
#include "session.h"

#include <errno.h>
#include <stdlib.h>

/* What is whole, or was not read yet, is no half: the uid waits for its turn, or for room. */
static void on_timer(struct loop_timer *timer) {
    struct visitor *visitor = CONTAINER_OF(timer, struct visitor, half);
    struct connection *connection = visitor->connection;
    struct lane *lane = &connection->user->lane;
    bool waits =
        lane_rests(lane) || turn_is_queued(&connection->task) || !(connection->watch.interest & LOOP_READ);
    if (waits && !loop_timer_set(connection->all->loop, timer, os_now_us() + VISITOR_HALF_US))
        return;
    (void)turn_charge(lane->turns, NULL); /* it sends what was answered before */
    visitor->end(connection, "half a message for ten seconds");
    (void)turn_charge(lane->turns, lane);
}

int visitor_make(struct connection *connection, const struct dialect *dialect,
                 void (*end)(struct connection *connection, const char *reason)) {
    struct visitor *visitor = calloc(1, sizeof *visitor);
    if (!visitor)
        return -ENOMEM;
    visitor->dialect = dialect;
    visitor->connection = connection;
    visitor->half.fn = on_timer;
    visitor->end = end;
    connection->visitor = visitor;
    channel_speak(&connection->channel, dialect->layout, dialect->longest);
    return 0;
}

void visitor_free(struct connection *connection) {
    if (!connection->visitor)
        return;
    loop_timer_free(&connection->visitor->half);
    free(connection->visitor);
    connection->visitor = NULL;
}

void visitor_look(struct connection *connection) {
    struct visitor *visitor = connection->visitor;
    if (!visitor)
        return;
    const struct channel *channel = &connection->channel;
    bool half = channel_has_bytes(channel) && !channel_has_frame(channel);
    if (half == visitor->has_half && (!half || visitor->half_at == channel->offset))
        return;
    visitor->has_half = half;
    visitor->half_at = channel->offset;
    if (!half)
        loop_timer_clear(&visitor->half);
    else if (loop_timer_set(connection->all->loop, &visitor->half, os_now_us() + VISITOR_HALF_US))
        visitor->end(connection, "the broker is out of memory");
}
