/* connection_reply.c: packs replies into the channel. */
#include "connection.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/metrics.h"
#include "notice_session.h"
#include "portd.pb-c.h"
#include "proto/envelope.h"
#include "session.h"
#include "visitor.h"

#include <errno.h>
#include <string.h>

enum {
    BYTES_UNIT = 128,              /* of a reply, for one unit of a turn */
    REPLY_HEAD = FRAME_HEADER + 24 /* the frame header and the fields before the result */
};

size_t connection_room(struct connection *connection) {
    passing_weigh(connection);
    passing_check_unread(connection);
    uint64_t room = connection_free(connection) + connection->charge.used[USER_BYTES] +
                    charge_room(&connection->charge, USER_BYTES);
    size_t bytes = channel_bytes(&connection->channel) + connection_unread(connection) + REPLY_HEAD;
    return room > bytes ? (size_t)(room - bytes) : 0;
}

int connection_check_room(struct connection *connection, size_t length, struct refusal *refusal) {
    if (length <= connection_room(connection))
        return 0;
    metrics_add(METRIC_LIMITS_BYTES, 1);
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, "read the pending replies, or cancel requests in flight",
                       "limit of bytes: a reply of %zu bytes exceeds what may be left unread now", length);
}

void connection_touch(struct connection *connection) {
    if (connection->dirty)
        return;
    connection->dirty = true;
    connection->dirty_next = connection->all->dirty;
    connection->all->dirty = connection;
}

bool connection_congested(const struct connection *connection) {
    size_t pending = channel_pending(&connection->channel);
    return pending > CONNECTION_UNREAD || (connection->indebted && pending) ||
           connection->channel.out_fds_at != SIZE_MAX;
}

/* Every member of the union is a message pointer. */
static struct envelope envelope_of(const Portd__V1__Reply *reply) {
    if (reply->error)
        return (struct envelope){.id = reply->id, .number = ENVELOPE_ERROR, .message = &reply->error->base};
    return (struct envelope){.id = reply->id, .number = reply->result_case, .message = &reply->ping->base};
}

static __attribute__((cold, noinline)) void pack_byte(const struct connection *connection,
                                                      const Portd__V1__Reply *reply, uint8_t *body) {
    *body = connection->visitor->dialect->answer(reply);
}

/* A visitor is answered by a byte. */
static inline size_t size_of(const struct connection *connection, struct envelope *envelope) {
    return connection->visitor ? 1 : envelope_size(envelope);
}

static inline void pack(const struct connection *connection, const Portd__V1__Reply *reply,
                        const struct envelope *envelope, uint8_t *body) {
    if (connection->visitor)
        pack_byte(connection, reply, body);
    else
        envelope_pack(envelope, body);
}

static void put(struct connection *connection, const Portd__V1__Reply *reply) {
    struct envelope envelope = envelope_of(reply);
    uint8_t *body;
    size_t length = size_of(connection, &envelope);
    turn_spend(connection->user->lane.turns, length / BYTES_UNIT);
    body = channel_put(&connection->channel, length);
    if (body)
        pack(connection, reply, &envelope, body);
    else
        connection->lost =
            "the broker is out of memory"; /* ended later: the caller may be walking over the connection's waits */
    connection_touch(connection);
}

void connection_reply(struct connection *connection, const Portd__V1__Reply *reply) {
    if (connection->dead || connection->lost)
        return;
    metrics_add(METRIC_REQUESTS_DONE, 1);
    put(connection, reply);
}

/* The call has passed descriptors, or has failed to. 0: passed or kept in the channel; a negative errno: the kernel refuses them. */
static int put_fds(struct connection *connection, const Portd__V1__Reply *reply, const os_fd *fds,
                   size_t n_fds) {
    uint8_t body[128 + 9 * FRAME_FDS_MAX]; /* an id of each */
    struct envelope envelope = envelope_of(reply);
    size_t length = size_of(connection, &envelope);
    struct turns *turns = connection->user->lane.turns;
    connection_touch(connection);
    if (length > sizeof body) {
        connection->lost = "reply with a descriptor too long";
        return 0;
    }
    pack(connection, reply, &envelope, body);
    int error = channel_put_fds(&connection->channel, body, length, fds, n_fds);
    if (turns->last == &connection->user->lane)
        turn_set_apart(turns);
    else
        turn_cut_if_long(turns);
    if (passing_is_refused(error))
        return error;
    if (error)
        connection->lost = os_error_text(-error);
    return 0;
}

static void count_fds(struct connection *connection, const Portd__V1__Reply *reply, size_t n_fds) {
    metrics_add(METRIC_REQUESTS_DONE, 1);
    metrics_add(METRIC_DESCRIPTORS_PASSED, n_fds);
    connection->passing.request = reply->id;
    passing_count(connection);
}

bool connection_reply_fds(struct connection *connection, const Portd__V1__Reply *reply, const os_fd *fds,
                          size_t n_fds) {
    struct refusal refusal;
    if (connection->dead || connection->lost)
        return true;
    int error = put_fds(connection, reply, fds, n_fds);
    if (error) {
        (void)passing_refuse(error, &refusal);
        connection_refuse(connection, reply->id, &refusal);
        return false;
    }
    count_fds(connection, reply, n_fds);
    return true;
}

int connection_pass_fds(struct connection *connection, const Portd__V1__Reply *reply, const os_fd *fds,
                        size_t n_fds, struct refusal *refusal) {
    static const char text[] = "the client has not read earlier replies";
    struct channel *channel = &connection->channel;
    if (connection->dead || connection->lost || channel_flush(channel) || channel_pending(channel))
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, "read the pending replies", text);
    int error = put_fds(connection, reply, fds, n_fds);
    if (error)
        return passing_refuse(error, refusal);
    if (channel->out_fds_at == 0 && !transport_has_begun(channel->transport)) {
        channel_skip_fds(channel);
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, "read the pending replies", text);
    }
    if (connection->lost)
        return refusal_set(refusal, REFUSAL_CLOSED, NULL, NULL, "the connection is lost");
    count_fds(connection, reply, n_fds);
    return 0;
}

bool connection_reply_fd(struct connection *connection, const Portd__V1__Reply *reply, os_fd fd) {
    return connection_reply_fds(connection, reply, &fd, 1);
}

void connection_refuse_fds(struct connection *connection, int error) {
    struct refusal refusal;
    channel_skip_fds(&connection->channel);
    (void)passing_refuse(error, &refusal);
    connection_refuse(connection, connection->passing.request, &refusal);
}

static void put_error(struct connection *connection, uint64_t request, const struct refusal *refusal) {
    Portd__V1__Error error = PORTD__V1__ERROR__INIT;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    char text[sizeof refusal->text], *field = NULL, *hint = NULL;
    memcpy(text, refusal->text, sizeof text);
    error.code = (Portd__V1__Code)refusal->code;
    error.os_errno = refusal->os_errno;
    error.message = text;
    /* protobuf-c's strings are not const, though packing only reads them. */
    memcpy(&field, &refusal->field, sizeof field);
    memcpy(&hint, &refusal->hint, sizeof hint);
    if (field)
        error.field = field;
    if (hint)
        error.hint = hint;
    reply.id = request;
    reply.error = &error;
    put(connection, &reply);
}

_Static_assert(METRIC_REFUSALS_EXISTS - METRIC_REFUSALS_NONE == REFUSAL_EXISTS,
               "refusals are in the order of codes");
void connection_refuse(struct connection *connection, uint64_t request, const struct refusal *refusal) {
    notice_session_refused(connection, refusal);
    if (connection->dead || connection->lost)
        return;
    metrics_add(METRIC_REQUESTS_REFUSED, 1);
    metrics_add((enum metric)((int)METRIC_REFUSALS_NONE + (int)refusal->code), 1);
    put_error(connection, request, refusal);
}

void connection_answer_none(struct connection *connection, uint64_t request, const struct refusal *refusal) {
    if (connection->dead || connection->lost)
        return;
    metrics_add(METRIC_REQUESTS_DONE, 1);
    put_error(connection, request, refusal);
}
