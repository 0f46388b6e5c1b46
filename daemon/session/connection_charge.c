/* connection_charge.c: what a connection keeps between turns, charged to its uid: the bytes of its channel, those of replies that its client has not
 * read (passing.h), and the descriptors of an incomplete frame.
 *
 * Of each connection 8 KiB are not charged, and 24 KiB of its unread replies; if its uid has more than 64 connections, 2 KiB in all. While
 * the bytes cannot be charged, nothing is sent before the client has read what was sent before. */
#include "connection.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "daemon/object/inspect.h"
#include "proto/frame.h"
#include "session.h"

/* A long frame that has begun is charged as a whole: else the parts of several could take all bytes of a uid, and none could be completed. */
static int take_bytes(struct connection *connection) {
    struct refusal refusal;
    const uint8_t *at, *end;
    size_t bytes = channel_memory(&connection->channel), unread = connection_unread(connection);
    size_t allowed = connection_free(connection);
    size_t frame = bytes > allowed ? channel_peek(&connection->channel, &at, &end) : 0;
    if (frame && bytes < FRAME_HEADER + frame)
        bytes = FRAME_HEADER + frame;
    bytes += unread;
    return charge_set(&connection->charge, USER_BYTES, bytes > allowed ? bytes - allowed : 0, &refusal);
}

static bool are_many(const struct connection *connection) {
    return connection->user->used[USER_CONNECTIONS] > CONNECTION_MANY;
}

size_t connection_free(const struct connection *connection) {
    return are_many(connection) ? CONNECTION_FREE_MANY : CONNECTION_FREE;
}

size_t connection_unread(const struct connection *connection) {
    size_t unread = passing_memory(connection), allowed = are_many(connection) ? 0 : CONNECTION_UNREAD_FREE;
    return unread > allowed ? unread - allowed : 0;
}

static size_t memory(const struct connection *connection) {
    return channel_memory(&connection->channel) + connection_unread(connection);
}

/* Charges the bytes beyond those that are free. While they cannot be charged, the connection is not read, and replies wait for earlier ones
 * to be read. They do not wait for the charge itself: it may be they, not sent, that take the uid's bytes. */
void connection_charge_bytes(struct connection *connection) {
    passing_weigh(connection);
    if (memory(connection) <= connection_free(connection) && !connection->charge.used[USER_BYTES] &&
        !connection->indebted)
        return;
    passing_check_unread(connection);
    connection->indebted = take_bytes(connection) != 0;
    if (connection->indebted) {
        channel_fit(&connection->channel);
        connection->indebted = take_bytes(connection) != 0;
    }
    if (connection->passing.bytes && (connection->indebted || connection->charge.used[USER_BYTES]))
        passing_watch(connection);
}

/* All of it: nothing is free of what has ended. If there is no room, that remains charged which was charged before. */
void connection_charge_unread(struct connection *connection) {
    struct refusal refusal;
    (void)charge_set(&connection->charge, USER_BYTES, passing_memory(connection), &refusal);
}

static bool is_own(void *context, os_fd fd) {
    struct connection *connection = context;
    os_fd opened;
    bool own = inspect_is_own(fd, connection->user->uid, &opened);
    discard_opened(connection->all->env->closer, connection->user, opened);
    return own;
}

/* Charges what the channel keeps between turns: bytes and descriptors. Those of an incomplete frame are subject to the same
 * limits as held ones: a client could leave it incomplete for ever. */
int connection_charge(struct connection *connection, struct refusal *refusal) {
    struct fd_table *fd_table = connection->all->env->fd_table;
    size_t before = connection->half.slots, fds = channel_fds_held(&connection->channel);
    if (!before && !fds && !connection->channel.passed) {
        connection_charge_bytes(connection);
        return 0;
    }
    bool may_keep = true;
    if (fds > before &&
        channel_any_fd(&connection->channel, is_own, connection)) { /* its end would go unnoticed */
        channel_refuse_fds(&connection->channel, CONNECTION_REFUSED_OWN);
        fds = channel_fds_held(&connection->channel);
    }
    if (fds > before) {
        kept_set_slots(&connection->half, fd_table, fds);
        may_keep = limit_may_keep(connection->user, fds - before, 0);
    }
    int refused = may_keep ? charge_set(&connection->charge, USER_DESCRIPTORS, fds, refusal)
                           : holders_refuse_table(connection->user, refusal);
    if (refused) { /* the frames that they belong to are answered without them, once they are whole */
        channel_refuse_fds(&connection->channel, CONNECTION_REFUSED_LIMIT);
        fds = channel_fds_held(&connection->channel);
        refused = charge_set(&connection->charge, USER_DESCRIPTORS, fds, refusal);
    }
    if (refused) {
        /* The channel passes them to discard, which counts them again. */
        kept_set_slots(&connection->half, fd_table, before);
        return -1;
    }
    kept_set_slots(&connection->half, fd_table, fds); /* fewer */
    passing_count(connection);                        /* counts those that the channel has sent */
    connection_charge_bytes(connection);
    return 0;
}
