/* passing.c: counts, checks and uncharges. */
#include "passing.h"

#include "connection.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/env.h"
#include "daemon/store/store.h"
#include "proto/container.h"
#include "proto/socket.h"
#include "proto/transport.h"
#include "session.h"

#include <errno.h>
#include <inttypes.h>

enum {
    /* From 2,024 of one user on (UNIX_INFLIGHT_SANE_USER) the kernel has a send of a Unix socket wait until its garbage collection is done. */
    MOST = 1900,
    MOST_KEPT = 1000, /* with a keeper, which may have 900 there (daemon/store/fdstore.h) */
    CHECK_FROM = 16,  /* in flight of one connection; from here on, each further one is preceded by a check */
    CHECKS = 256,     /* per timer */
    CHECK_US = 100000,
    HURRY_US = 5000,
    VAIN_MOST = 5, /* the pause between checks doubles this often: 3.2 s */
    /* One message of a few bytes takes the least memory that one can; of more, a power of two, and more bookkeeping. */
    FEW_BYTES = 128,
    MANY_COST = 256,
    LIST_COST =
        4608 /* struct scm_fp_list, for 253 descriptors, in a slab of 4 KiB; and what its garbage collection needs */
};

static struct passings *all_of(const struct connection *connection) { return &connection->all->passings; }

static void give_back(struct connection *connection, size_t n) {
    if (!n)
        return;
    kept_uncharge(&connection->passing.kept, n);
    connection->user->passing -= n;
    all_of(connection)->n -= n;
}

/* Each unread message uses at least `least` bytes of the socket's memory. Where the system does not tell, nothing is unread. */
void passing_check_unread(struct connection *connection) {
    struct passing *passing = &connection->passing;
    if (!passing->kept.charged && !passing->bytes)
        return;
    int unread = socket_unread(transport_peer(connection->channel.transport));
    size_t least = (size_t)all_of(connection)->least;
    passing->bytes = unread > 0 ? (size_t)unread : 0;
    size_t most = (passing->bytes + least - 1) / least;
    if (most < passing->kept.charged)
        give_back(connection, passing->kept.charged - most);
}

static bool is_in_flight(const struct connection *connection) {
    const struct passing *passing = &connection->passing;
    return passing->kept.charged ||
           (passing->bytes && (passing->over || connection->indebted || connection->charge.used[USER_BYTES]));
}

static void unlist(struct connection *connection) {
    struct user_passings *mine = &connection->user->passings;
    ring_remove(&connection->passing.node);
    all_of(connection)->n_connections--;
    if (ring_is_empty(&mine->list))
        ring_remove(&mine->node);
}

/* The next one in rotation; there is one. */
static struct connection *next(struct passings *all) {
    struct user *user = CONTAINER_OF(ring_first(&all->users), struct user, passings.node);
    struct connection *connection =
        CONTAINER_OF(ring_first(&user->passings.list), struct connection, passing.node);
    ring_remove(&user->passings.node);
    ring_add(&all->users, &user->passings.node);
    ring_remove(&connection->passing.node);
    ring_add(&user->passings.list, &connection->passing.node);
    return connection;
}

/* What it has in flight is less, or gone. */
static void follow(struct connection *connection) {
    struct passings *all = all_of(connection);
    if (!connection->passing.over)
        all->checked(connection);
    if (is_in_flight(connection))
        return;
    unlist(connection);
    if (connection->passing.over)
        all->over(connection);
}

static bool set_timer(struct passings *all, struct loop *loop) {
    all->hurries = false;
    return !loop_timer_set(loop, &all->timer, os_now_us() + ((int64_t)CHECK_US << all->vain));
}

/* Checks some connections, in rotation. */
static void on_timer(struct loop_timer *timer) {
    struct passings *all = CONTAINER_OF(timer, struct passings, timer);
    size_t checks = all->n_connections < CHECKS ? all->n_connections : CHECKS;
    bool vain = true;
    all->hurries = false;
    for (; checks > 0; checks--) {
        struct connection *connection = next(all);
        size_t bytes = connection->passing.bytes;
        passing_check_unread(connection);
        vain = vain && connection->passing.bytes >= bytes;
        follow(connection);
    }
    all->vain = !vain ? 0 : all->vain < VAIN_MOST ? all->vain + 1 : VAIN_MOST;
    if (!ring_is_empty(&all->users))
        set_timer(all, timer->loop);
}

int passings_init(struct sessions *sessions, void (*checked)(struct connection *connection),
                  void (*over)(struct connection *connection)) {
    struct passings *all = &sessions->passings;
    *all = (struct passings){
        .timer = {.fn = on_timer}, .least = socket_message_least(), .checked = checked, .over = over};
    ring_init(&all->users);
    return loop_timer_prepare(sessions->loop, &all->timer);
}

void passings_deinit(struct sessions *sessions) {
    struct passings *all = &sessions->passings;
    while (!ring_is_empty(&all->users)) {
        struct connection *connection = next(all);
        give_back(connection, connection->passing.kept.charged);
        unlist(connection);
        all->over(connection);
    }
    loop_timer_free(&all->timer);
}

static bool fits(const struct connection *connection, size_t n) {
    size_t mine = connection->user->passing, others = all_of(connection)->n - mine;
    const struct store *store = connection->all->store;
    size_t limit = connection->all->env->fd_table->limit,
           most = store && store_is_kept(store) ? MOST_KEPT : MOST;
    if (limit > most)
        limit = most;
    return others < limit && 2 * (mine + n) <= limit - others;
}

int passing_check(struct connection *connection, size_t n, struct refusal *refusal) {
    struct user *user = connection->user;
    if (connection->passing.kept.charged >= CHECK_FROM || !fits(connection, n))
        passing_check_unread(connection);
    if (!fits(connection, n))
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, "read the pending replies",
                           "limit of descriptors in flight: uid %" PRIu64 " has %zu in unread replies",
                           user->uid, user->passing);
    return user_check(user, USER_DESCRIPTORS, n, refusal);
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
    passing_watch(connection);
}

size_t passing_memory(const struct connection *connection) {
    return connection->passing.bytes + LIST_COST * connection->passing.kept.charged;
}

void passing_watch(struct connection *connection) {
    struct passings *all = all_of(connection);
    struct user_passings *mine = &connection->user->passings;
    if (ring_has(&connection->passing.node))
        return;
    if (!all->n_connections || all->vain) { /* what others have left unread for long does not delay it */
        all->vain = 0;
        set_timer(all, connection->all->loop);
    }
    if (!ring_has(&mine->node)) {
        ring_init(&mine->list);
        ring_add(&all->users, &mine->node);
    }
    ring_add(&mine->list, &connection->passing.node);
    all->n_connections++;
}

void passing_hurry(struct connection *connection) {
    struct passings *all = all_of(connection);
    passing_watch(connection);
    ring_remove(&connection->passing.node);
    ring_add_first(&connection->user->passings.list, &connection->passing.node);
    all->vain = 0;
    if (!all->hurries) /* who comes later does not defer it */
        all->hurries = !loop_timer_set(connection->all->loop, &all->timer, os_now_us() + HURRY_US);
}

void passing_weigh(struct connection *connection) {
    struct channel *channel = &connection->channel;
    if (!channel->sends)
        return;
    connection->passing.bytes += channel->sends * (size_t)all_of(connection)->least;
    if (channel->sent > FEW_BYTES)
        connection->passing.bytes += 2 * channel->sent + channel->sends * MANY_COST;
    channel->sent = channel->sends = 0;
}

/* EPERM: the client's socket takes none (SO_PASSRIGHTS, since Linux 6.16). EMSGSIZE: OpenBSD passes 127 at once. */
bool passing_is_refused(int error) { return error == -ETOOMANYREFS || error == -EPERM || error == -EMSGSIZE; }

int passing_refuse(int error, struct refusal *refusal) {
    const char *hint, *why = socket_takes_none(&hint);
    if (error == -EPERM)
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, hint, "%s", why);
    if (error == -EMSGSIZE)
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, NULL,
                           "the system passes no more than %d descriptors at once", FRAME_FDS_ROOM);
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
    passing_weigh(connection);
    passing_check_unread(connection);
    connection->passing.over = true;
    if (!is_in_flight(connection)) {
        if (ring_has(&connection->passing.node))
            unlist(connection);
        return false;
    }
    passing_watch(connection);
    connection->task.step = shut;
    connection->task.gives = false;
    turn_queue(&connection->user->lane, &connection->task);
    return true;
}
