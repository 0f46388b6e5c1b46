/* parked.c: the requests in flight of a connection. */
#include "parked.h"

#include "connection.h"
#include "daemon/access/user.h"
#include "daemon/base/metrics.h"
#include "proto/container.h"
#include "session.h"
#include "utlist.h"

struct parked *parked_find(const struct connection *connection, uint64_t request) {
    return connection->by_request.used ? table_find(&connection->by_request, request) : NULL;
}

int parked_add(struct connection *connection, struct parked *parked, uint64_t request) {
    parked->request = request;
    parked->connection = connection;
    parked->method = connection->method;
    int error = table_add(&connection->by_request, parked);
    if (error)
        return error;
    DL_APPEND(connection->parked, parked);
    connection->all->n_parked++;
    if (parked->windowed)
        connection->windowed++;
    return 0;
}

void parked_remove(struct parked *parked) {
    struct connection *connection = parked->connection;
    connection->method = parked->method;
    table_remove(&connection->by_request, parked);
    connection->all->n_parked--;
    if (ring_has(&parked->starved))
        ring_remove(&parked->starved);
    if (parked->ready)
        DL_DELETE(connection->held, parked);
    else
        DL_DELETE(connection->parked, parked);
    if (parked->windowed) {
        connection->windowed--;
        connection_touch(connection);
    }
}

void parked_ready(struct parked *parked) {
    struct connection *connection = parked->connection;
    if (!connection->held && !connection_congested(connection)) {
        parked_remove(parked);
        parked->emit(parked);
        return;
    }
    DL_DELETE(connection->parked, parked);
    DL_APPEND(connection->held, parked);
    parked->ready = true;
}

bool parked_has_room(struct connection *connection, struct parked *parked) {
    if (!connection_congested(connection))
        return true;
    if (!ring_has(&parked->starved))
        ring_add(&connection->starved, &parked->starved);
    return false;
}

bool parked_may_go_on(const struct connection *connection) {
    return (connection->held || !ring_is_empty(&connection->starved)) && !connection_congested(connection);
}

bool parked_go_on(struct connection *connection) {
    struct turns *turns = connection->user->lane.turns;
    while (!connection->dead && parked_may_go_on(connection)) {
        struct parked *parked = connection->held;
        if (turn_is_over(turns))
            return false;
        turn_spend(turns, 1);
        if (parked) {
            parked_remove(parked);
            parked->emit(parked);
            continue;
        }
        parked = CONTAINER_OF(ring_first(&connection->starved), struct parked, starved);
        ring_remove(&parked->starved);
        parked->go_on(parked);
    }
    return true;
}

bool parked_give_up(struct connection *connection) {
    struct turns *turns = connection->user->lane.turns;
    struct parked *parked;
    while ((parked = connection->parked ? connection->parked : connection->held)) {
        if (turn_is_over(turns))
            return false;
        turn_spend(turns, 1);
        parked_remove(parked);
        parked->cancel(parked);
        metrics_add(METRIC_REQUESTS_ABANDONED, 1);
    }
    return true;
}
