/* connection.c: reads, replies, pauses and ends. */
#include "connection.h"

#include "credentials.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/identity.h"
#include "daemon/object/deferred_drop.h"
#include "daemon/object/env.h"
#include "daemon/object/inspect.h"
#include "daemon/object/registry.h"
#include "daemon/object/waitqueue.h"
#include "daemon/readiness/engine.h"
#include "hangup.h"
#include "inflight.h"
#include "inquiry.h"
#include "notice_session.h"
#include "peek.h"
#include "proto/container.h"
#include "session.h"
#include "utlist.h"
#include "visitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    UNITS_FD = 4,                            /* of a turn, for each descriptor received */
    LONG_READ_ROOM = 16 * CHANNEL_SCRATCH_IN /* the waits in one read can be charged that much */
};

static void on_ready(struct loop_watch *watch, unsigned events);
static void on_timer(struct loop_timer *timer);
static void on_opened(struct gate *gate);
static void step(struct task *task);

/* Queues its step for a turn of its uid. */
static void queue(struct connection *connection) { turn_queue(&connection->user->lane, &connection->task); }

static struct turns *turns_of(const struct connection *connection) { return connection->user->lane.turns; }

/* Callback of the channel, which does not count slots. */
static void discard(void *context, os_fd fd) {
    struct connection *connection = context;
    fd_table_take(connection->all->env->fd_table, 1);
    connection_discard(connection, fd);
}

struct connection *connection_new(struct sessions *sessions, struct accepted *accepted,
                                  const struct peer *peer, struct refusal *refusal) {
    struct connection *connection = calloc(1, sizeof *connection);
    struct transport transport = accepted->transport;
    struct user *user = accepted->charge.user;
    if (!connection) {
        refusal_memory(refusal);
        return NULL;
    }
    connection->identity =
        credentials_new(sessions->env->closer, user, transport_peer(transport), peer, refusal);
    if (!connection->identity) {
        free(connection);
        return NULL;
    }
    connection->all = sessions;
    connection->user = user;
    connection->peer = *peer;
    connection->serial = ++sessions->serial ? sessions->serial : ++sessions->serial;
    connection->number = ++user->connections;
    connection->watch.fd = transport_pollable(transport);
    connection->watch.fn = on_ready;
    connection->timer.fn = on_timer;
    connection->task.step = step;
    gate_init(&connection->gate, user, on_opened);
    ring_init(&connection->starved);
    charge_init(&connection->charge, user, NULL);
    channel_init(&connection->channel, transport, &sessions->scratch, FRAME_REQUEST_MAX);
    connection->channel.piece = limit_is_admin(user) ? 0 : PASSING_PIECE;
    connection->channel.discard = discard;
    connection->channel.discard_context = connection;
    table_init(&connection->by_request, offsetof(struct inflight, request), sessions->by_id.seed);
    if (loop_watch(sessions->loop, &connection->watch, LOOP_READ) ||
        loop_timer_set(sessions->loop, &connection->timer, os_now_us() + CONNECTION_HELLO_US))
        goto fail;
    accepted_move(&connection->accepted, accepted);
    DL_APPEND(sessions->connections, connection);
    sessions->n_connections++;
    metrics_add(METRIC_CONNECTIONS_MADE, 1);
    return connection;
fail:
    refusal_memory(refusal);
    loop_unwatch(&connection->watch);
    loop_timer_free(&connection->timer);
    charge_deinit(&connection->charge);
    identity_unref(connection->identity);
    free(connection);
    return NULL;
}

static const char ended[] = "its session has ended";

/* Its session has ended, and its last replies are not sent yet. */
static bool is_leaving(const struct connection *connection) {
    return !connection->session && connection->session_id;
}

void connection_end(struct connection *connection, const char *reason) {
    struct sessions *sessions = connection->all;
    char
        quoted[LOG_QUOTED(sizeof(struct refusal))]; /* a refusal names sessions by what their clients chose */
    if (connection->dead)
        return;
    connection->dead = true;
    metrics_add(reason ? METRIC_CONNECTIONS_ENDED_BROKER : METRIC_CONNECTIONS_ENDED_CLIENT, 1);
    if (!is_leaving(connection))
        notice_session_disconnected(connection, reason);
    if (reason)
        log_write_about(LOG_TOPIC_CONNECTION, connection->peer.uid, LOG_LEVEL_INFO,
                        "connection ended; uid=%" PRIu64 " pid=%u reason=%s", connection->peer.uid,
                        (unsigned)connection->peer.pid, log_quote(quoted, sizeof quoted, reason));
    if (reason && !connection->withheld &&
        !lane_rests(&connection->user->lane)) { /* what the socket does not take now is lost */
        (void)channel_flush(&connection->channel);
        turn_cut_if_long(turns_of(connection));
    }
    loop_unwatch(&connection->watch);
    loop_timer_free(&connection->timer);
    gate_deinit(&connection->gate);
    hangups_forget(&sessions->hangups, connection);
    inquiry_forget(connection);
    visitor_free(connection);
    DL_DELETE(sessions->connections, connection);
    sessions->n_connections--;
    turn_give(&connection->user->lane, &connection->task);
}

/* The last steps: orphans its requests, lets others have the readiness that its `one` waits took (unless its client keeps it), leaves the
 * session. */
static void leave(struct connection *connection) {
    struct sessions *sessions = connection->all;
    struct session *session = connection->session;
    if (!inflight_give_up(connection)) {
        queue(connection);
        return;
    }
    if (connection->answered_one)
        waitqueue_retest(connection->user, connection->serial, connection->keeps);
    connection->session = NULL;
    if (session)
        sessions->parted(session, connection);
    connection->dead_next = sessions->dead;
    sessions->dead = connection;
}

void connection_leave_ended(struct connection *connection) {
    int64_t until = os_now_us() + CONNECTION_LEAVE_US;
    connection->all->parted(connection->session, connection);
    connection->session = NULL;
    if (connection->dead)
        return;
    if (lane_rests(&connection->user->lane) ||
        loop_timer_set(connection->all->loop, &connection->timer, until))
        connection_end(connection, ended);
    else
        connection_flush_later(connection);
    notice_session_disconnected(connection, ended); /* before the end of the session, which may be next */
}

/* A connection that is not watched does not tell when its client is gone. */
static void watch_debt(struct connection *connection) {
    if (connection->session && !connection->paused_until &&
        loop_timer_set(connection->all->loop, &connection->timer, os_now_us() + CONNECTION_DEBT_US))
        connection_end(connection, "the broker is out of memory");
}

static void charge_bytes(struct connection *connection) {
    bool before = connection->indebted;
    connection_charge_bytes(connection);
    if (connection->indebted && !before)
        watch_debt(connection);
}

/* If it must end, sends the refusal, as far as the socket takes it. */
static void charge_kept(struct connection *connection) {
    struct refusal refusal;
    bool before = connection->indebted;
    if (connection_charge(connection, &refusal)) {
        connection_refuse(connection, peek_id(connection), &refusal);
        connection_end(connection, refusal.text);
    } else if (connection->indebted && !before) {
        watch_debt(connection);
    }
}

/* Whether the connection itself is a reason not to read: its requests in flight, unread replies, pending closes, or used-up rate. */
static bool is_full(const struct connection *connection) {
    return connection->dead || connection->lost || connection->all->registry->frozen ||
           is_leaving(connection) || (connection->session && connection->session->cause) ||
           connection->discards > CONNECTION_DISCARDS ||
           connection->windowed >= connection_window(connection) || connection->paused_until ||
           inquiry_runs(connection->inquiry) || connection_congested(connection);
}

static bool blocked(const struct connection *connection) {
    return is_full(connection) || !gates_may_receive(connection->user);
}

/* As !blocked(); what others have to change it waits for at the gate. With a debt nothing is read, but requests that have been read go on: it may be
 * they, a cancel for example, that give bytes back. */
static bool may_read(struct connection *connection) {
    bool room = gates_may_receive(connection->user);
    if (connection->indebted || !room)
        gate_wait(&connection->gate);
    return room && !is_full(connection) && (!connection->indebted || channel_has_frame(&connection->channel));
}

static void set_watch(struct connection *connection, bool read) {
    unsigned interest = read && !channel_has_frame(&connection->channel) ? LOOP_READ : 0;
    if (channel_pending(&connection->channel) && !connection->withheld)
        interest |= LOOP_WRITE;
    if (interest == connection->watch.interest)
        return;
    if (loop_set(&connection->watch, interest))
        connection_end(connection, "cannot watch the connection");
}

/* While it is watched for reading, and goes on to be, step checks may_read when bytes come: once for each request. */
static void update_watch(struct connection *connection) {
    bool watched = connection->watch.interest & LOOP_READ && !connection->indebted &&
                   !channel_has_frame(&connection->channel);
    if (!connection->dead)
        set_watch(connection, watched || may_read(connection));
}

/* Spends one request from the uid's rate; when that is used up, reading pauses. */
static void spend(struct connection *connection) {
    int64_t delay = user_spend(connection->user);
    if (!delay)
        return;
    connection->paused_until = os_now_us() + delay;
    metrics_add(METRIC_PAUSES, 1);
}

static void process(struct connection *connection) {
    struct channel_frame frame;
    int result = 0;
    do {
        if (inquiry_holds(connection, connection_touch))
            break;
        result = channel_next(&connection->channel, &frame);
        if (result != 1)
            break;
        fd_table_take(connection->all->env->fd_table, frame.n_fds);
        metrics_add(METRIC_DESCRIPTORS_RECEIVED, frame.n_fds);
        turn_spend(turns_of(connection), 1 + frame.n_fds * UNITS_FD);
        connection->all->frame(connection, &frame);
        if (connection->inquiry)
            inquiry_forget(connection);
        if (channel_pending(&connection->channel) + connection_unread(connection) >
            connection_free(connection) + connection->charge.used[USER_BYTES])
            charge_bytes(connection);
        spend(connection);
    } while (channel_has_frame(&connection->channel) && !blocked(connection) &&
             !turn_is_over(turns_of(connection)));
    if (channel_rest(&connection->channel))
        connection_end(connection, "the broker is out of memory");
    if (result == CHANNEL_E_PROTOCOL)
        connection_end(connection, connection->channel.fault);
    else if (channel_has_bytes(&connection->channel) && !peek_may_be_long(connection))
        connection_end(connection, "request too long");
    if (!connection->dead && !connection->dirty) /* else flush does it at the end of the turn */
        charge_kept(connection);
    visitor_look(connection);
    if (connection->dead)
        return;
    if (connection->paused_until &&
        loop_timer_set(connection->all->loop, &connection->timer, connection->paused_until))
        connection_end(connection, "the broker is out of memory");
    else if (channel_has_frame(&connection->channel) && !blocked(connection))
        queue(connection);
}

static void receive(struct connection *connection) {
    /* Little is read where what is left over might not be charged, after the requests before it have taken their bytes. */
    bool may_be_long = charge_room(&connection->charge, USER_BYTES) >= LONG_READ_ROOM;
    connection->channel.most = may_be_long ? 0 : FRAME_HEADER + FRAME_REQUEST_MAX;
    int result = channel_fill(&connection->channel, discard, connection);
    if (result == 0)
        return;
    if (result == 1) {
        if (connection->channel.brought)
            turn_set_apart(turns_of(connection));
        process(connection);
        return;
    }
    channel_rest(&connection->channel);
    connection_end(connection, result == CHANNEL_E_END ? NULL : os_error_text(-result));
}

static bool may_go_on(const struct connection *connection) {
    return connection->withheld && !(connection->indebted && connection->passing.bytes);
}

/* Queues what waited for room: withheld and held replies and starved transfers, or frames already read. */
static void unblock(struct connection *connection) {
    if (may_go_on(connection))
        connection_flush_later(connection);
    else if (inflight_may_go_on(connection) ||
             (channel_has_frame(&connection->channel) && !blocked(connection)))
        queue(connection);
}

void connection_flush_later(struct connection *connection) {
    connection->events |= LOOP_WRITE;
    queue(connection);
}

/* Whether replies wait, since what is unread cannot be charged. */
static bool withholds(struct connection *connection) {
    if (connection->dead || !connection->indebted || !channel_pending(&connection->channel))
        return false;
    charge_bytes(connection);
    return connection->indebted && connection->passing.bytes;
}

/* The client may have read what was unread, or what others have given back can be taken. */
void connection_checked(struct connection *connection) {
    if (connection->dead)
        return;
    bool before = connection->indebted;
    charge_bytes(connection);
    if (may_go_on(connection) || (before && !connection->indebted))
        connection_flush_later(connection);
}

void connection_flush(struct connection *connection) {
    size_t passed = connection->channel.passed;
    connection->withheld = withholds(connection);
    if (connection->withheld)
        passing_hurry(connection);
    int error = connection->dead || connection->withheld ? 0 : channel_flush(&connection->channel);
    if (connection->channel.passed != passed)
        turn_set_apart(turns_of(connection));
    if (passing_is_refused(error) && connection->channel.out_fds_at == 0) {
        connection_refuse_fds(connection, error);
        error = channel_flush(&connection->channel);
    }
    if (error)
        connection_end(connection, error == -EPIPE || error == -ECONNRESET ? NULL : os_error_text(-error));
    if (connection->lost)
        connection_end(connection, connection->lost);
    if (!connection->dead && is_leaving(connection) && !connection->held && !connection->inflight &&
        !connection->late && !channel_pending(&connection->channel))
        connection_end(connection, ended);
    if (connection->dead)
        return;
    charge_kept(connection);
    if (!connection->dead)
        unblock(connection);
    update_watch(connection);
}

static void step(struct task *task) {
    struct connection *connection = CONTAINER_OF(task, struct connection, task);
    unsigned events = connection->events;
    connection->events = 0;
    if (connection->dead) {
        leave(connection);
        return;
    }
    if (is_leaving(connection) && !inflight_leave(connection)) {
        on_ready(&connection->watch, events);
        return;
    }
    if (events & LOOP_WRITE) {
        connection_flush(connection);
        turn_cut_if_long(turns_of(connection));
    }
    if (!connection->dead && !inflight_go_on(connection))
        queue(connection);
    if (events & LOOP_READ || channel_has_frame(&connection->channel))
        deferred_drop_run(connection->all->registry);
    if (connection->dead)
        return;
    if (turns_of(connection)->cut) { /* a receive can take as long as a send */
        on_ready(&connection->watch, events & LOOP_READ);
        return;
    }
    if (!may_read(connection)) {
        set_watch(connection, false);
        return;
    }
    if (channel_has_frame(&connection->channel))
        process(connection);
    else if (events & LOOP_READ)
        receive(connection);
    if (!connection->dirty)
        update_watch(connection);
}

/* Reported again while its step is queued: the watch is disabled until the step has run. */
static void on_ready(struct loop_watch *watch, unsigned events) {
    struct connection *connection = CONTAINER_OF(watch, struct connection, watch);
    connection->events |= events;
    if (turn_is_queued(&connection->task) && loop_set(watch, 0))
        connection_end(connection, "cannot watch the connection");
    else
        queue(connection);
}

static void on_timer(struct loop_timer *timer) {
    struct connection *connection = CONTAINER_OF(timer, struct connection, timer);
    if (is_leaving(connection)) {
        (void)turn_charge(turns_of(connection), NULL);
        connection_end(connection, ended);
        (void)turn_charge(turns_of(connection), &connection->user->lane);
        return;
    }
    if (!connection->session) {
        bool waits = lane_rests(&connection->user->lane) || turn_is_queued(&connection->task) ||
                     inquiry_runs(connection->inquiry);
        if (!waits || /* else its hello may be there and not be read yet */
            loop_timer_set(connection->all->loop, timer, os_now_us() + CONNECTION_HELLO_US))
            connection_end(connection, "no hello within ten seconds");
        return;
    }
    connection->paused_until = 0;
    if (connection->indebted && hangup_has_left(connection))
        connection_end(connection, NULL);
    connection_checked(connection);
    if (connection->indebted && !connection->dead)
        watch_debt(connection);
    if (!connection->dead)
        queue(connection);
}

static void on_opened(struct gate *gate) {
    struct connection *connection = CONTAINER_OF(gate, struct connection, gate);
    if (connection->indebted)
        connection_checked(connection);
    unblock(connection);
    update_watch(connection);
}
