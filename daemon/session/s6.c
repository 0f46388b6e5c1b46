/* s6.c: what the clients of s6-fdholderd say (libs6, s6-fdholder-store and the others; s6_message.h), in the words of the broker's own protocol.
 *
 * What is no such message ends the connection. */
#include "s6.h"

#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/metrics.h"
#include "daemon/object/hold.h"
#include "daemon/object/registry.h"
#include "dispatch.h"
#include "method.h"
#include "portd.pb-c.h"
#include "proto/channel.h"
#include "proto/status.h"
#include "s6_message.h"
#include "session.h"
#include "visitor.h"

#include <errno.h>
#include <string.h>

enum {
    LIST_HEAD = 1 + 4,
    LIST_UNIT = 8,    /* names for a unit of a turn */
    ONLY_REQUEST = 1, /* its id: a visitor has one at a time */
    ANSWER_MOST = 255
};

/* ---- answers ------------------------------------------------------------------------------------------------------ */

static uint8_t answer(const Portd__V1__Reply *reply) {
    if (!reply->error)
        return 0;
    switch ((enum refusal_code)reply->error->code) {
    case REFUSAL_DENIED:
        return EPERM;
    case REFUSAL_NOT_FOUND:
        return ENOENT;
    case REFUSAL_EXISTS:
        return EBUSY;
    case REFUSAL_LIMIT:
        return ENFILE;
    case REFUSAL_SYSTEM:
        return reply->error->os_errno > 0 && reply->error->os_errno <= ANSWER_MOST
                   ? (uint8_t)reply->error->os_errno
                   : EIO;
    default:
        return EINVAL;
    }
}

static void refuse(struct connection *connection, const struct refusal *refusal) {
    connection_refuse(connection, ONLY_REQUEST, refusal);
}

/* How many names; `bytes` of them, which are written if `at` is not NULL. More than FRAME_DATA_MAX bytes are not looked at. */
static size_t write_names(const struct hold *hold, uint8_t *at, size_t *bytes) {
    size_t n = 0;
    for (*bytes = 0; hold && *bytes <= FRAME_DATA_MAX; hold = hold_next(hold)) {
        size_t length = strlen(hold->name) + 1;
        if (s6_looks_foreign(hold->name))
            continue;
        if (at)
            memcpy(at + *bytes, hold->name, length);
        *bytes += length;
        n++;
    }
    return n;
}

static void list(struct connection *connection) {
    const struct hold *first = holds_next(connection->all->registry->holds, connection->peer.uid, 0);
    size_t bytes, n = write_names(first, NULL, &bytes);
    struct refusal refusal;
    bytes += LIST_HEAD;
    connection->method = PORTD__V1__REQUEST__METHOD_HOLDS;
    method_count(PORTD__V1__REQUEST__METHOD_HOLDS);
    if (bytes > FRAME_DATA_MAX)
        (void)refusal_system(&refusal, EMSGSIZE, "the names do not fit into one answer");
    if (bytes > FRAME_DATA_MAX || connection_check_room(connection, bytes, &refusal)) {
        refuse(connection, &refusal);
        return;
    }
    uint8_t *body = channel_put(&connection->channel, bytes);
    turn_spend(connection->user->lane.turns, n / LIST_UNIT);
    if (body) {
        *body = 0;
        s6_write_big(body + 1, n, 4);
        (void)write_names(first, body + LIST_HEAD, &bytes);
        metrics_add(METRIC_REQUESTS_DONE, 1);
    } else {
        connection->lost = "the broker is out of memory";
    }
    connection_touch(connection);
}

/* ---- requests ----------------------------------------------------------------------------------------------------- */

static void put(struct connection *connection, struct channel_frame *frame, struct s6_message *message) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Put put = PORTD__V1__PUT__INIT;
    Portd__V1__Lease lease = PORTD__V1__LEASE__INIT;
    lease.ttl_us = (uint64_t)s6_ttl(message, os_wall_us());
    put.owner = message->owner;
    put.names = &message->name;
    put.n_names = 1;
    put.lease = &lease;
    request.id = ONLY_REQUEST;
    request.method_case = PORTD__V1__REQUEST__METHOD_PUT;
    request.put = &put;
    dispatch_request(connection, frame, &request);
}

static void get(struct connection *connection, struct channel_frame *frame, struct s6_message *message) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Get get = PORTD__V1__GET__INIT;
    get.owner = message->owner;
    get.names = &message->name;
    get.n_names = 1;
    get.take = message->drops;
    request.id = ONLY_REQUEST;
    request.method_case = PORTD__V1__REQUEST__METHOD_GET;
    request.get = &get;
    dispatch_request(connection, frame, &request);
}

static void drop(struct connection *connection, struct channel_frame *frame, struct s6_message *message) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Drop drop = PORTD__V1__DROP__INIT;
    drop.owner = message->owner;
    drop.names = &message->name;
    drop.n_names = 1;
    request.id = ONLY_REQUEST;
    request.method_case = PORTD__V1__REQUEST__METHOD_DROP;
    request.drop = &drop;
    dispatch_request(connection, frame, &request);
}

static void on_frame(struct connection *connection, struct channel_frame *frame) {
    struct s6_message message;
    struct refusal refusal;
    if (!connection->session || !s6_parse(frame, &message)) {
        connection_end(connection, "not a message of s6-fdholder");
        return;
    }
    connection->method = 0;
    if (!status_utf8(message.text)) {
        (void)refusal_set(&refusal, REFUSAL_INVALID, "name", NULL, "a name is not UTF-8");
        refuse(connection, &refusal);
        return;
    }
    s6_find_owner(&message);
    switch (message.letter) {
    case 'S':
        put(connection, frame, &message);
        break;
    case 'R':
        get(connection, frame, &message);
        break;
    case 'D':
        drop(connection, frame, &message);
        break;
    case 'L':
        list(connection);
        break;
    default:
        (void)refusal_set(&refusal, REFUSAL_DENIED, NULL, "hold and retrieve by name",
                          "nobody may dump what is held, or set it as a whole");
        refuse(connection, &refusal);
    }
}

const struct dialect s6_dialect = {
    .client = "s6", .layout = &s6_layout, .longest = S6_LONGEST, .frame = on_frame, .answer = answer};
