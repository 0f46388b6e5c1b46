/* s6.c: what the clients of s6-fdholderd say (libs6, s6-fdholder-store and the others), in the words of the broker's own protocol.
 *
 * A message is a header (length of the body, number of descriptors; big-endian), a letter, and what belongs to it:
 *
 *   S time name   with one descriptor: hold it until then    L   the names
 *   R drop name   a copy of it; drop: hold it no longer      ?   all that is held, ! and . hold it: never allowed
 *   D name        hold it no longer
 *
 * A name is its length in a byte, its bytes, and a NUL. A time is a TAI64N label; drop is a byte. The answer is a byte, 0 or an errno, with the descriptor of an R;
 * that of an L has the number of names and each with a NUL. A name is the caller's own, "@UID/NAME" that of another user.
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
#include "session.h"
#include "visitor.h"

#include <errno.h>
#include <string.h>

enum {
    HEADER = 6,
    LONGEST = 1 + 12 + 1 + HOLD_NAME_MAX + 1, /* an S with the longest name */
    SETDUMP = 4,                              /* bytes of a ! */
    LIST_HEAD = 1 + 4,
    LIST_UNIT = 8,    /* names for a unit of a turn */
    TAI_AHEAD = 37,   /* of UTC, since 2017 */
    ONLY_REQUEST = 1, /* its id: a visitor has one at a time */
    SECOND_US = 1000000,
    ANSWER_MOST = 255
};

#define TAI_1970 (UINT64_C(1) << 62)
#define TAI_FOREVER (TAI_1970 + (UINT64_C(1) << 61)) /* from here on: what libs6 adds for ever to a time */

static uint64_t read_big(const uint8_t *at, size_t n) {
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | at[i];
    return value;
}

static void write_big(uint8_t *at, uint64_t value, size_t n) {
    for (size_t i = n; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

static void encode(uint8_t *bytes, struct frame_header header) {
    write_big(bytes, header.length, 4);
    write_big(bytes + 4, header.n_fds, 2);
}

static struct frame_header decode(const uint8_t *bytes) {
    return (struct frame_header){.length = (uint32_t)read_big(bytes, 4),
                                 .n_fds = (uint16_t)read_big(bytes + 4, 2)};
}

/* ---- messages ----------------------------------------------------------------------------------------------------- */

struct message {
    const uint8_t *at, *end;
    uint64_t seconds;
    uint32_t nanoseconds;
    bool drops;
    char text[HOLD_NAME_MAX + 1];
    char *owner, *name; /* in `text`; owner "": the caller */
};

static bool take_time(struct message *message) {
    if (message->end - message->at < 12)
        return false;
    message->seconds = read_big(message->at, 8);
    message->nanoseconds = (uint32_t)read_big(message->at + 8, 4);
    message->at += 12;
    return true;
}

static bool take_drops(struct message *message) {
    if (message->at == message->end)
        return false;
    message->drops = *message->at++ != 0;
    return true;
}

/* "@UID/NAME" */
static void find_owner(struct message *message) {
    char *digits = message->text + 1, *slash;
    message->owner = message->text + strlen(message->text);
    message->name = message->text;
    if (*message->text != '@')
        return;
    slash = digits + strspn(digits, "0123456789");
    if (slash == digits || *slash != '/' || !slash[1])
        return;
    *slash = '\0';
    message->owner = digits;
    message->name = slash + 1;
}

/* It is the rest of the message. */
static bool take_name(struct message *message) {
    size_t left = (size_t)(message->end - message->at);
    size_t length = left ? *message->at : 0;
    const uint8_t *name = message->at + 1;
    if (!length || left != length + 2 || name[length] || memchr(name, 0, length))
        return false;
    memcpy(message->text, name, length + 1);
    message->at = message->end;
    return true;
}

/* Whether the frame has the descriptor of an S, or had it: if it could not be kept, dispatch_request says so. */
static bool has_one(const struct channel_frame *frame) {
    return frame->refused || (frame->n_fds == 1 && !frame->mismatch);
}

static bool has_none(const struct channel_frame *frame) {
    return !frame->refused && !frame->n_fds && !frame->mismatch;
}

/* False: it is no message. */
static bool parse(const struct channel_frame *frame, struct message *message) {
    *message = (struct message){.at = frame->body + 1, .end = frame->body + frame->length};
    size_t left = frame->length - 1;
    switch (frame->body[0]) {
    case 'S':
        return has_one(frame) && take_time(message) && take_name(message);
    case 'R':
        return has_none(frame) && take_drops(message) && take_name(message);
    case 'D':
        return has_none(frame) && take_name(message);
    case 'L':
    case '?':
        return has_none(frame) && !left;
    case '!':
        return has_none(frame) && left == SETDUMP;
    default:
        return false;
    }
}

/* Until that time, in us; 0: for ever. What is over lasts the shortest time. */
static int64_t ttl_of(const struct message *message) {
    int64_t now = os_wall_us(), left;
    if (message->seconds >= TAI_FOREVER)
        return 0;
    if (message->seconds < TAI_1970 + TAI_AHEAD)
        return 1;
    left = (int64_t)(message->seconds - TAI_1970 - TAI_AHEAD) - now / SECOND_US;
    if (left > INT64_MAX / SECOND_US / 2)
        return 0;
    left = left * SECOND_US + message->nanoseconds / 1000 - now % SECOND_US;
    return left > 0 ? left : 1;
}

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

/* Whether find_owner would take it for somebody else's. */
static bool looks_foreign(const char *name) {
    size_t digits = *name == '@' ? strspn(name + 1, "0123456789") : 0;
    return digits && name[1 + digits] == '/' && name[2 + digits];
}

static size_t write_names(const struct hold *hold, uint8_t *at) {
    size_t bytes = 0;
    for (; hold; hold = hold->next) {
        size_t length = strlen(hold->name) + 1;
        if (looks_foreign(hold->name))
            continue;
        if (at)
            memcpy(at + bytes, hold->name, length);
        bytes += length;
        if (bytes > FRAME_DATA_MAX)
            break;
    }
    return bytes;
}

static size_t count_names(const struct hold *hold) {
    size_t n = 0;
    for (; hold; hold = hold->next)
        n += !looks_foreign(hold->name);
    return n;
}

static void list(struct connection *connection) {
    const struct hold *first = holds_next(connection->all->registry->holds, connection->peer.uid, 0);
    size_t bytes = LIST_HEAD + write_names(first, NULL);
    struct refusal refusal;
    connection->method = PORTD__V1__REQUEST__METHOD_HOLDS;
    method_count(PORTD__V1__REQUEST__METHOD_HOLDS);
    if (bytes > FRAME_DATA_MAX)
        (void)refusal_system(&refusal, EMSGSIZE, "the names do not fit into one answer");
    if (bytes > FRAME_DATA_MAX || connection_check_room(connection, bytes, &refusal)) {
        refuse(connection, &refusal);
        return;
    }
    size_t n = count_names(first);
    uint8_t *body = channel_put(&connection->channel, bytes);
    turn_spend(connection->user->lane.turns, n / LIST_UNIT);
    if (body) {
        *body = 0;
        write_big(body + 1, n, 4);
        (void)write_names(first, body + LIST_HEAD);
        metrics_add(METRIC_REQUESTS_DONE, 1);
    } else {
        connection->lost = "the broker is out of memory";
    }
    connection_touch(connection);
}

/* ---- requests ----------------------------------------------------------------------------------------------------- */

static void put(struct connection *connection, struct channel_frame *frame, struct message *message) {
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Put put = PORTD__V1__PUT__INIT;
    Portd__V1__Lease lease = PORTD__V1__LEASE__INIT;
    lease.ttl_us = (uint64_t)ttl_of(message);
    put.owner = message->owner;
    put.names = &message->name;
    put.n_names = 1;
    put.lease = &lease;
    request.id = ONLY_REQUEST;
    request.method_case = PORTD__V1__REQUEST__METHOD_PUT;
    request.put = &put;
    dispatch_request(connection, frame, &request);
}

static void get(struct connection *connection, struct channel_frame *frame, struct message *message) {
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

static void drop(struct connection *connection, struct channel_frame *frame, struct message *message) {
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
    struct message message;
    struct refusal refusal;
    if (!connection->session || !parse(frame, &message)) {
        connection_end(connection, "not a message of s6-fdholder");
        return;
    }
    connection->method = 0;
    if (!status_utf8(message.text)) {
        (void)refusal_set(&refusal, REFUSAL_INVALID, "name", NULL, "a name is not UTF-8");
        refuse(connection, &refusal);
        return;
    }
    find_owner(&message);
    switch (frame->body[0]) {
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

static const struct frame_layout layout = {.size = HEADER, .encode = encode, .decode = decode};

const struct dialect s6_dialect = {
    .client = "s6", .layout = &layout, .longest = LONGEST, .frame = on_frame, .answer = answer};
