/* inflight.c: a connection's in-flight requests. */
#include "inflight.h"

#include "connection.h"
#include "daemon/access/user.h"
#include "daemon/base/metrics.h"
#include "proto/container.h"
#include "session.h"
#include "utlist.h"

struct inflight *inflight_find(const struct connection *connection, uint64_t request) {
    return connection->by_request.used ? table_find(&connection->by_request, request) : NULL;
}

int inflight_add(struct connection *connection, struct inflight *inflight, uint64_t request) {
    inflight->request = request;
    inflight->connection = connection;
    inflight->method = connection->method;
    int error = table_add(&connection->by_request, inflight);
    if (error)
        return error;
    DL_APPEND(connection->inflight, inflight);
    connection->all->n_inflight++;
    if (inflight->windowed)
        connection->windowed++;
    return 0;
}

static struct inflight **list_of(const struct inflight *inflight) {
    struct connection *connection = inflight->connection;
    return inflight->ready ? &connection->held : inflight->late ? &connection->late : &connection->inflight;
}

void inflight_remove(struct inflight *inflight) {
    struct connection *connection = inflight->connection;
    connection->method = inflight->method;
    table_remove(&connection->by_request, inflight);
    connection->all->n_inflight--;
    if (ring_has(&inflight->starved))
        ring_remove(&inflight->starved);
    DL_DELETE(*list_of(inflight), inflight);
    if (inflight->windowed) {
        connection->windowed--;
        connection_touch(connection);
    }
}

static void hold(struct inflight *inflight) {
    struct connection *connection = inflight->connection;
    DL_DELETE(*list_of(inflight), inflight);
    DL_APPEND(connection->held, inflight);
    inflight->ready = true;
}

void inflight_ready(struct inflight *inflight) {
    struct connection *connection = inflight->connection;
    if (connection->held || connection_congested(connection)) {
        hold(inflight);
        return;
    }
    inflight_remove(inflight);
    inflight->emit(inflight);
}

void inflight_ready_in_turn(struct inflight *inflight) {
    struct connection *connection = inflight->connection;
    hold(inflight);
    turn_queue(&connection->user->lane, &connection->task);
}

bool inflight_has_room(struct connection *connection, struct inflight *inflight) {
    if (!connection_congested(connection))
        return true;
    if (!ring_has(&inflight->starved))
        ring_add(&connection->starved, &inflight->starved);
    return false;
}

bool inflight_may_go_on(const struct connection *connection) {
    return (connection->held || !ring_is_empty(&connection->starved)) && !connection_congested(connection);
}

bool inflight_go_on(struct connection *connection) {
    struct turns *turns = connection->user->lane.turns;
    while (!connection->dead && inflight_may_go_on(connection)) {
        struct inflight *inflight = connection->held;
        if (turn_is_over(turns))
            return false;
        turn_spend(turns, 1);
        if (inflight) {
            inflight_remove(inflight);
            inflight->emit(inflight);
            continue;
        }
        inflight = CONTAINER_OF(ring_first(&connection->starved), struct inflight, starved);
        ring_remove(&inflight->starved);
        inflight->go_on(inflight);
    }
    return true;
}

static void give_up(struct inflight *inflight) {
    inflight_remove(inflight);
    inflight->orphan(inflight);
    metrics_add(METRIC_REQUESTS_ABANDONED, 1);
}

bool inflight_leave(struct connection *connection) {
    struct turns *turns = connection->user->lane.turns;
    struct inflight *inflight;
    while ((inflight = connection->inflight)) {
        if (turn_is_over(turns))
            return false;
        turn_spend(turns, 1);
        switch (inflight->end ? inflight->end(inflight) : INFLIGHT_LEAVES) {
        case INFLIGHT_LEAVES:
            give_up(inflight);
            break;
        case INFLIGHT_OUTLASTS:
            DL_DELETE(connection->inflight, inflight);
            DL_APPEND(connection->late, inflight);
            inflight->late = true;
            break;
        case INFLIGHT_ANSWERED:
            break;
        }
    }
    return true;
}

bool inflight_give_up(struct connection *connection) {
    struct turns *turns = connection->user->lane.turns;
    struct inflight *inflight;
    while ((inflight = connection->inflight ? connection->inflight
                       : connection->late   ? connection->late
                                            : connection->held)) {
        if (turn_is_over(turns))
            return false;
        turn_spend(turns, 1);
        give_up(inflight);
    }
    return true;
}
