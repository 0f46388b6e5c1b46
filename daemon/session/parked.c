/* parked.c: the requests in flight of a connection. */
#include "parked.h"

#include "connection.h"
#include "daemon/base/metrics.h"
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
    if (parked->windowed)
        connection->windowed++;
    return 0;
}

void parked_remove(struct parked *parked) {
    struct connection *connection = parked->connection;
    connection->method = parked->method;
    table_remove(&connection->by_request, parked);
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
    connection->starved = parked->starved = true;
    return false;
}

/* Each may answer others too, so the search begins anew. */
static void feed(struct connection *connection) {
    struct parked *parked = connection->parked;
    connection->starved = false;
    while (parked && !connection->starved && !connection->dead) {
        if (!parked->starved) {
            parked = parked->next;
            continue;
        }
        parked->starved = false;
        parked->go_on(parked);
        parked = connection->parked;
    }
}

void parked_go_on(struct connection *connection) {
    while (connection->held && !connection_congested(connection)) {
        struct parked *parked = connection->held;
        parked_remove(parked);
        parked->emit(parked);
    }
    if (connection->starved && !connection_congested(connection))
        feed(connection);
}

void parked_give_up(struct connection *connection) {
    struct parked *parked;
    while ((parked = connection->parked ? connection->parked : connection->held)) {
        parked_remove(parked);
        parked->cancel(parked);
        metrics_add(METRIC_REQUESTS_ABANDONED, 1);
    }
}
