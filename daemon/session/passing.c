/* passing.c: counts, checks and uncharges. */
#include "passing.h"

#include "connection.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/env.h"
#include "proto/container.h"
#include "proto/socket.h"
#include "proto/transport.h"
#include "session.h"

#include <errno.h>
#include <inttypes.h>

enum {
    CHECK_FROM = 16, /* in flight of one connection; from here on, each further one is preceded by a check */
    CHECKS = 64,     /* per timer */
    CHECK_US = 100000,
    VAIN_MOST = 9 /* the pause between checks doubles this often */
};

static struct passings *all_of(const struct connection *connection) { return &connection->all->passings; }

static void give_back(struct connection *connection, size_t n) {
    struct passing *passing = &connection->passing;
    kept_uncharge(&passing->kept, n);
    connection->user->passing -= n;
    all_of(connection)->n -= n;
    if (passing->kept.charged || !ring_has(&passing->node))
        return;
    ring_remove(&passing->node);
    all_of(connection)->n_connections--;
}

/* Uncharges what the client has received. Each unread message uses at least `least` bytes of the socket's memory. */
static void check_unread(struct connection *connection) {
    int unread =
        connection->passing.kept.charged ? socket_unread(transport_peer(connection->channel.transport)) : 0;
    size_t least = (size_t)all_of(connection)->least,
           most = unread > 0 ? ((size_t)unread + least - 1) / least : 0;
    if (most < connection->passing.kept.charged)
        give_back(connection, connection->passing.kept.charged - most);
}

static bool set_timer(struct passings *all, struct loop *loop) {
    return !loop_timer_set(loop, &all->timer, os_now_us() + ((int64_t)CHECK_US << all->vain));
}

/* Checks some connections, in rotation. */
static void on_timer(struct loop_timer *timer) {
    struct passings *all = CONTAINER_OF(timer, struct passings, timer);
    size_t before = all->n, checks = all->n_connections < CHECKS ? all->n_connections : CHECKS;
    for (; checks > 0; checks--) {
        struct connection *connection = CONTAINER_OF(ring_first(&all->list), struct connection, passing.node);
        ring_remove(&connection->passing.node);
        ring_add(&all->list, &connection->passing.node);
        check_unread(connection);
        if (connection->passing.over && !connection->passing.kept.charged)
            all->over(connection);
    }
    all->vain = all->n < before ? 0 : all->vain < VAIN_MOST ? all->vain + 1 : VAIN_MOST;
    if (!ring_is_empty(&all->list))
        set_timer(all, timer->loop);
}

int passings_init(struct sessions *sessions, void (*over)(struct connection *connection)) {
    struct passings *all = &sessions->passings;
    *all = (struct passings){.timer = {.fn = on_timer}, .least = socket_message_least(), .over = over};
    ring_init(&all->list);
    return loop_timer_prepare(sessions->loop, &all->timer);
}

void passings_deinit(struct sessions *sessions) {
    struct passings *all = &sessions->passings;
    while (!ring_is_empty(&all->list)) {
        struct connection *connection = CONTAINER_OF(ring_first(&all->list), struct connection, passing.node);
        give_back(connection, connection->passing.kept.charged);
        all->over(connection);
    }
    loop_timer_free(&all->timer);
}

static bool fits(const struct connection *connection) {
    size_t mine = connection->user->passing, others = all_of(connection)->n - mine;
    size_t limit = connection->all->env->fd_table->limit;
    return others < limit && 2 * (mine + 1) <= limit - others;
}

int passing_check(struct connection *connection, struct refusal *refusal) {
    struct user *user = connection->user;
    if (connection->passing.kept.charged >= CHECK_FROM || !fits(connection))
        check_unread(connection);
    if (!fits(connection))
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, "read the pending replies",
                           "limit of descriptors in flight: uid %" PRIu64 " has %zu in unread replies",
                           user->uid, user->passing);
    return user_check(user, USER_DESCRIPTORS, 1, refusal);
}

void passing_count(struct connection *connection) {
    struct passings *all = all_of(connection);
    struct passing *passing = &connection->passing;
    struct refusal refusal;
    size_t n = connection->channel.passed;
    connection->channel.passed = 0;
    /* passing_check has found room, or the charge was given back when the descriptor left the channel. */
    if (!n || kept_charge(&passing->kept, connection->user, n, &refusal))
        return;
    connection->user->passing += n;
    all->n += n;
    if (ring_has(&passing->node))
        return;
    if (ring_is_empty(&all->list)) {
        all->vain = 0;
        set_timer(all, connection->all->loop);
    }
    ring_add(&all->list, &passing->node);
    all->n_connections++;
}

int passing_refuse(struct refusal *refusal) {
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, "try again later",
                       "the kernel's limit of unread descriptors sent by the broker's user is reached");
}

/* In a turn of its own: it walks all watchers of the client's end (connection_flush.c). */
static void shut(struct task *task) {
    struct connection *connection = CONTAINER_OF(task, struct connection, task);
    transport_shutdown(connection->channel.transport);
    turn_cut_if_long(connection->user->lane.turns);
}

bool passing_stays(struct connection *connection) {
    check_unread(connection);
    if (!connection->passing.kept.charged)
        return false;
    connection->passing.over = true;
    connection->task.step = shut;
    connection->task.gives = false;
    turn_queue(&connection->user->lane, &connection->task);
    return true;
}
