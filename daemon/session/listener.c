/* listener.c: from the kernel's queue to a connection.
 *
 * All uids share the kernel's queue, which is served in order of arrival: so little is done in that order, and the rest in the
 * uid's turn. A client that has left before it said anything costs no more than its accept and its close. These, and to turn somebody away, can
 * take long (connection_flush.c): then the event ends, and what is still in the queue waits for the next round. */
#include "listener.h"

#include "connection.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/gate.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/policy.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/loop/closer.h"
#include "daemon/object/cause.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "notice_session.h"
#include "portd.pb-c.h"
#include "proto/container.h"
#include "proto/socket.h"
#include "proto/transport.h"
#include "session.h"
#include "visitor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    ACCEPTS = 128, /* per event */
    TURN_AWAY = 4, /* one that is turned away counts as so many */
    ARRIVALS = 4,  /* made in one step of their uid */
    UNITS = 8,     /* of a turn each */
    ANSWER_MAX = 512,
    REST_US = 100000
};

static struct fd_table *fd_table_of(const struct listener *listener) {
    return listener->sessions->env->fd_table;
}

/* Whether one more connection has a slot, even if it is turned away and a worker must close it. */
static bool has_room(const struct listener *listener) {
    const struct fd_table *fd_table = fd_table_of(listener);
    return fd_table_roomy(fd_table) && fd_table_may_waste(fd_table, 1);
}

/* Closes it, charged to the uid that it came from. If there is no memory for that uid's record, it is not charged. */
static void discard(const struct listener *listener, struct accepted *accepted, os_uid uid) {
    struct closer *closer = listener->sessions->env->closer;
    struct user *user = user_ref(listener->users, uid);
    os_fd fd = transport_take(accepted->transport);
    kept_hand_on(&accepted->socket);
    if (user)
        discard_close(closer, user, fd);
    else
        discard_close_nobodys(closer, fd_table_of(listener), fd, uid);
    user_unref(user);
}

/* Sends one reply with id 0, as far as the socket takes it. */
static void tell(struct transport transport, const struct refusal *refusal) {
    Portd__V1__Error error = PORTD__V1__ERROR__INIT;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    uint8_t bytes[FRAME_HEADER + ANSWER_MAX];
    char text[sizeof refusal->text];
    memcpy(text, refusal->text, sizeof text);
    error.code = (Portd__V1__Code)refusal->code;
    error.message = text;
    reply.error = &error;
    size_t length = portd__v1__reply__get_packed_size(&reply);
    if (length <= ANSWER_MAX) {
        frame_encode(bytes, (struct frame_header){.length = (uint32_t)length});
        portd__v1__reply__pack(&reply, bytes + FRAME_HEADER);
        (void)transport_send(transport, bytes, FRAME_HEADER + length, NULL, 0);
    }
}

/* Tells why, if the uid has not left too many such replies unread, and closes the connection. user NULL: there is no memory for its record. */
static void turn_away(struct listener *listener, struct accepted *accepted, const struct peer *peer,
                      struct user *user, const struct refusal *refusal) {
    struct transport transport = accepted->transport;
    char quoted[LOG_QUOTED(sizeof refusal->text)];
    bool tells = user && !listener->dialect && turned_away_may_tell(&listener->turned_away, user);
    metrics_add(METRIC_TURNED_AWAY, 1);
    notice_session_turned_away(listener->users, peer, refusal);
    if (tells)
        tell(transport, refusal);
    log_write_about(LOG_TOPIC_STRANGER, peer->uid, LOG_LEVEL_WARNING,
                    "connection turned away; uid=%" PRIu64 " pid=%u reason=%s", peer->uid,
                    (unsigned)peer->pid,
                    log_quote(quoted, sizeof quoted, refusal->text)); /* it names the uid's sessions */
    /* After this no process can send to it. */
    transport_shutdown(transport);
    if (tells && socket_unread(transport_peer(transport)) > 0 &&
        turned_away_keep(&listener->turned_away, accepted, user)) {
        fd_table_waste(fd_table_of(listener), 1);
        return;
    }
    if (transport_is_empty(transport)) {
        transport_close(transport);
        kept_release(&accepted->socket);
    } else {
        discard(listener, accepted, peer->uid);
    }
}

/* Of a uid whose lane rests: nothing is sent to it. */
static void discard_unanswered(struct listener *listener, struct accepted *accepted, const struct peer *peer,
                               const struct refusal *refusal) {
    metrics_add(METRIC_TURNED_AWAY, 1);
    notice_session_turned_away(listener->users, peer, refusal);
    discard(listener, accepted, peer->uid);
}

/* An accepted connection, charged to its uid. */
struct arrival {
    struct ring node; /* in its user's arrivals */
    struct listener *listener;
    struct accepted accepted;
};

/* It is a connection, or nothing. */
static void arrival_free(struct arrival *arrival) {
    ring_remove(&arrival->node);
    arrival->listener->sessions->n_connections--; /* a connection counts itself */
    charge_deinit(&arrival->accepted.charge);
    kept_release(&arrival->accepted.socket);
    free(arrival);
}

/* What a hello does for others. If it fails, the connection ends. */
static void welcome(struct connection *connection, const struct dialect *dialect) {
    struct refusal refusal;
    struct session *session = visitor_make(connection, dialect, connection_end)
                                  ? NULL
                                  : session_new(connection->all, connection->user, dialect->client, &refusal);
    if (!connection->visitor)
        (void)refusal_memory(&refusal);
    if (session && numbering_get(&session->session_objects.numberings, 0, &connection->place)) {
        (void)refusal_memory(&refusal);
        session_end(session, CAUSE_EXPIRED);
        session = NULL;
    }
    if (!session) {
        connection_end(connection, refusal.text);
        return;
    }
    loop_timer_clear(&connection->timer);
    connection->session = session;
    connection->session_id = session->id;
    notice_session_connected(connection);
    session_join(session, connection);
}

static void make(struct arrival *arrival, const struct user *user) {
    struct listener *listener = arrival->listener;
    struct refusal refusal;
    struct peer peer;
    struct connection *connection = NULL;
    os_fd socket = transport_peer(arrival->accepted.transport);
    int error = peer_of(socket, &peer);
    socket_ask_plainly(socket);
    if (error)
        (void)refusal_system(&refusal, -error, "cannot determine peer credentials");
    else
        connection = connection_new(listener->sessions, &arrival->accepted, &peer, &refusal);
    if (connection) {
        if (listener->dialect)
            welcome(connection, listener->dialect);
        arrival_free(arrival);
        return;
    }
    peer.uid = user->uid;
    if (lane_rests(&user->lane))
        discard_unanswered(listener, &arrival->accepted, &peer, &refusal);
    else
        turn_away(listener, &arrival->accepted, &peer, arrival->accepted.charge.user, &refusal);
    arrival_free(arrival);
}

static void step(struct task *task) {
    struct user *user = CONTAINER_OF(task, struct user, arrive);
    struct ring *node;
    user_hold(user);
    for (int i = 0; i < ARRIVALS && !user->lane.turns->cut && (node = ring_first(&user->arrivals)); i++) {
        turn_spend(user->lane.turns, UNITS);
        make(CONTAINER_OF(node, struct arrival, node), user);
        turn_cut_if_long(user->lane.turns);
    }
    if (!ring_is_empty(&user->arrivals))
        turn_queue(&user->lane, task);
    user_unref(user);
}

/* Charges one connection. 0, or -1 and the refusal. */
static int charge(struct charge *charge, struct user *user, struct refusal *refusal) {
    if (!limit_may_connect(user))
        return holders_refuse_table(user, refusal);
    if (gates_admit(user, refusal))
        return -1;
    charge_init(charge, user, NULL);
    return charge_take(charge, USER_CONNECTIONS, 1, refusal);
}

/* Charges it and queues it; it becomes a connection in the uid's turn. 0, or -1 and the refusal: it is still the caller's. */
static int admit(struct listener *listener, struct accepted *accepted, struct user *user,
                 struct refusal *refusal) {
    struct arrival *arrival = NULL;
    if (!user)
        return refusal_memory(refusal);
    if (!charge(&accepted->charge, user, refusal)) {
        arrival = malloc(sizeof *arrival);
        if (!arrival)
            refusal_memory(refusal);
    }
    if (arrival) {
        *arrival = (struct arrival){.listener = listener};
        accepted_move(&arrival->accepted, accepted);
        listener->sessions->n_connections++;
        ring_add(&user->arrivals, &arrival->node);
        user->arrive.step = step;
        user->arrive.gives = true; /* making a connection sends nothing, and only one that is made can end */
        turn_queue(&user->lane, &user->arrive);
    }
    charge_deinit(&accepted->charge);
    return arrival ? 0 : -1;
}

/* Stops watching for a while: accept fails, and the loop would report it again at once. */
static void rest(struct listener *listener, int error) {
    log_write_about(LOG_TOPIC_LISTENER, LOG_NOBODY, LOG_LEVEL_WARNING,
                    "cannot accept connections for now: %s", os_error_text(-error));
    (void)loop_set(&listener->watch, 0);
    (void)loop_timer_set(listener->sessions->loop, &listener->timer, os_now_us() + REST_US);
}

/* Another process that shares the listener has shut it down; this cannot be undone. */
static void end(struct listener *listener) {
    log_write_about(LOG_TOPIC_LISTENER, LOG_NOBODY, LOG_LEVEL_ERROR,
                    "cannot accept connections any more: the listener was shut down");
    loop_unwatch(&listener->watch);
}

static void on_timer(struct loop_timer *timer) {
    struct listener *listener = CONTAINER_OF(timer, struct listener, timer);
    if (!has_room(listener) || loop_set(&listener->watch, LOOP_READ))
        (void)loop_timer_set(listener->sessions->loop, timer, os_now_us() + REST_US);
}

/* From now on that user is charged (NULL: nobody), in sum. */
static void charge_from_now(struct listener *listener, struct user *user) {
    struct user *before = listener->payer;
    if (user == before)
        return;
    (void)turn_charge(&listener->users->turns, before ? &before->lane : NULL);
    listener->payer = user ? user_hold(user) : NULL;
    user_unref(before);
}

/* Whether the client has left without a word: nobody waits for what would be made. False where the system does not tell. */
static bool has_left(struct transport transport) {
    return socket_is_shut(transport_peer(transport)) && transport_is_empty(transport);
}

/* The client's end may be shut, and watched. */
static void see_off(struct listener *listener, struct accepted *accepted, const struct peer *peer,
                    const struct user *user) {
    metrics_add(METRIC_CONNECTIONS_MADE, 1);
    metrics_add(METRIC_CONNECTIONS_ENDED_CLIENT, 1);
    if (user && lane_rests(&user->lane)) {
        discard(listener, accepted, peer->uid);
        return;
    }
    transport_close(accepted->transport);
    kept_release(&accepted->socket);
}

/* A lane that rests gets no answer. Returns how much of ACCEPTS it counts. */
static int take_in_for(struct listener *listener, struct accepted *accepted, const struct peer *peer,
                       struct user *user, int error) {
    struct refusal refusal;
    const char *reason = error ? NULL : policy_check_connect(listener->sessions->policy, peer);
    if (error) {
        (void)refusal_system(&refusal, -error, "cannot determine peer credentials");
    } else if (reason) {
        (void)refusal_set(&refusal, REFUSAL_DENIED, NULL, NULL, "%s", reason);
    } else if (has_left(accepted->transport)) {
        see_off(listener, accepted, peer, user);
        return 1;
    } else if (!admit(listener, accepted, user, &refusal)) {
        return 1;
    }
    if (user && lane_rests(&user->lane))
        discard_unanswered(listener, accepted, peer, &refusal);
    else
        turn_away(listener, accepted, peer, user, &refusal);
    return TURN_AWAY;
}

static int take_in(struct listener *listener, struct transport transport) {
    struct accepted accepted = {.transport = transport};
    struct peer peer;
    kept_set_slots(&accepted.socket, fd_table_of(listener), 1);
    int error = peer_user(transport_peer(transport), &peer);
    if (error) /* that uid may not connect, so nobody pays for a stranger */
        peer = (struct peer){.uid = PEER_UID_NOBODY};
    struct user *user = user_ref(listener->users, peer.uid); /* NULL: no memory */
    charge_from_now(listener, user);
    turn_count(&listener->users->turns, UNITS);
    int n = take_in_for(listener, &accepted, &peer, user, error);
    user_unref(user);
    return n;
}

/* A single close is seldom long enough to be charged, but the clients of a whole queue can have left: the event ends when the clock has moved so far
 * that their sum can be charged. */
static bool goes_on(int done, int error, int64_t began) {
    return done < ACCEPTS && (!error || error == -ECONNABORTED) && os_coarse_us() - began <= TURN_LONG_US;
}

static void on_ready(struct loop_watch *watch, unsigned events) {
    struct listener *listener = CONTAINER_OF(watch, struct listener, watch);
    const int64_t began = os_coarse_us();
    int error = 0;
    (void)events;
    for (int done = 0, n = 1; goes_on(done, error, began); done += n) {
        struct transport transport;
        error = has_room(listener) ? transport_accept(watch->fd, &transport) : -EMFILE;
        if (!error)
            n = take_in(listener, transport);
        else if (done == 0 && error == -EAGAIN && transport_is_shut(watch->fd))
            end(listener);
    }
    charge_from_now(listener, NULL);
    if (error && error != -EAGAIN)
        rest(listener, error);
}

/* Closed by a worker: the client's end may be watched. */
static void on_read(void *context, struct accepted *accepted, struct user *user) {
    fd_table_give_wasted(fd_table_of(context), 1);
    fd_table_take(fd_table_of(context), 1); /* which is wasted again, by the worker */
    discard(context, accepted, user->uid);
}

int listener_open(struct listener *listener, os_fd fd, struct sessions *sessions, struct users *users) {
    int error;
    *listener = (struct listener){.sessions = sessions, .users = users};
    listener->watch.fd = fd;
    listener->watch.fn = on_ready;
    listener->timer.fn = on_timer;
    error = loop_timer_prepare(sessions->loop, &listener->timer);
    if (!error)
        error = turned_away_init(&listener->turned_away, sessions->loop, on_read, listener);
    return error ? error : loop_watch(sessions->loop, &listener->watch, LOOP_READ);
}

/* Closes accepted connections that are not created yet, as if they were still in the kernel's queue. */
static void drop_arrivals(struct listener *listener) {
    const struct user *next;
    for (uint64_t from = 0; users_next(listener->users, from, &next, 1); from++) {
        struct user *user = user_ref(listener->users, next->uid); /* it exists, so this cannot fail */
        struct ring *node;
        while ((node = ring_first(&user->arrivals))) {
            struct arrival *arrival = CONTAINER_OF(node, struct arrival, node);
            discard(listener, &arrival->accepted, user->uid);
            arrival_free(arrival);
        }
        from = user->uid;
        user_unref(user);
    }
}

void listener_close(struct listener *listener) {
    if (listener->users) {
        drop_arrivals(listener);
        turned_away_deinit(&listener->turned_away);
    }
    loop_unwatch(&listener->watch);
    loop_timer_free(&listener->timer);
}
