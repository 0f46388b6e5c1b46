/* post.c: takes from the socket. A letter can bring as many descriptors as a frame, so it is not received without room for them, nor while its sender's discards
 * fill his share of the table: then all wait behind it for a moment. */
#include "post.h"

#include "bag.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/gate.h"
#include "daemon/access/policy.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "notification.h"
#include "proto/container.h"
#include "proto/peer.h"
#include "session.h"

#include <errno.h>

enum {
    LETTERS = 64, /* per event */
    UNITS = 4,    /* of a turn, for each and for each of its descriptors */
    REST_US = 10000
};

static struct fd_table *fd_table_of(const struct post *post) { return post->sessions->env->fd_table; }

static bool has_room(const struct post *post) {
    const struct fd_table *fd_table = fd_table_of(post);
    return fd_table_roomy(fd_table) && fd_table_may_waste(fd_table, FD_TABLE_RECEIVE);
}

/* All descriptors of the letter. user NULL: there is no memory for its record. */
static void discard(const struct post *post, struct user *user) {
    const struct letter *letter = &post->letter;
    struct closer *closer = post->sessions->env->closer;
    for (size_t i = 0; i < letter->n_fds; i++) {
        metrics_add(METRIC_CLOSES, 1);
        if (user)
            discard_close(closer, user, letter->fds[i]);
        else
            discard_close_nobodys(closer, fd_table_of(post), letter->fds[i], letter->uid);
    }
}

static void complain(const struct post *post, const char *why) {
    struct refusal refusal;
    (void)refusal_set(&refusal, REFUSAL_INVALID, NULL, NULL, "%s", why);
    bag_refuse(post->letter.uid, post->letter.pid, &refusal);
}

static void deliver(struct post *post, struct user *user) {
    const struct letter *letter = &post->letter;
    const struct peer peer = {.uid = letter->uid, .pid = letter->pid};
    struct notification what = {.barrier = false};
    struct refusal refusal;
    const char *denied = policy_check_connect(post->sessions->policy, &peer), *fault = denied;
    if (!fault && letter->cut)
        fault = "a notification that is too long, or whose descriptors did not all come";
    if (!fault)
        fault = notification_read(letter->text, letter->length, letter->n_fds, &what);
    if (fault)
        complain(post, fault);
    if (!what.barrier && !what.stores && !what.removes) {
        discard(post, user);
        return;
    }
    if (user &&
        !bag_add(&post->bags, post->sessions, user, letter->pid, &what, letter->fds, letter->n_fds, &refusal))
        return;
    if (!user)
        (void)refusal_memory(&refusal);
    bag_refuse(letter->uid, letter->pid, &refusal);
    discard(post, user);
}

/* From now on that user is charged (NULL: nobody), in sum. */
static void charge_from_now(struct post *post, struct user *user) {
    struct user *before = post->payer;
    if (user == before)
        return;
    (void)turn_charge(&post->users->turns, before ? &before->lane : NULL);
    post->payer = user ? user_hold(user) : NULL;
    user_unref(before);
}

/* 0, or a negative errno; -EMFILE: not now. */
static int take_in(struct post *post) {
    os_uid uid;
    int error = has_room(post) ? letter_sender(post->watch.fd, &uid) : -EMFILE;
    if (error)
        return error;
    struct user *user = user_ref(post->users, uid); /* NULL: no memory */
    charge_from_now(post, user);
    error = user && !gates_may_receive(user) ? -EMFILE : letter_receive(post->watch.fd, &post->letter);
    if (!error && user &&
        post->letter.uid != uid) { /* another process has taken the one that was looked at */
        user_unref(user);
        user = user_ref(post->users, post->letter.uid);
    }
    if (!error) {
        fd_table_take(fd_table_of(post), post->letter.n_fds);
        metrics_add(METRIC_DESCRIPTORS_RECEIVED, post->letter.n_fds);
        turn_count(&post->users->turns, UNITS * (1 + post->letter.n_fds));
        deliver(post, user);
    }
    user_unref(user);
    return error;
}

static void rest(struct post *post, int error) {
    if (error != -EMFILE)
        log_write_about(LOG_TOPIC_LISTENER, LOG_NOBODY, LOG_LEVEL_WARNING,
                        "cannot receive notifications for now: %s", os_error_text(-error));
    (void)loop_set(&post->watch, 0);
    (void)loop_timer_set(post->sessions->loop, &post->timer, os_now_us() + REST_US);
}

static void on_timer(struct loop_timer *timer) {
    struct post *post = CONTAINER_OF(timer, struct post, timer);
    if (loop_set(&post->watch, LOOP_READ))
        (void)loop_timer_set(post->sessions->loop, timer, os_now_us() + REST_US);
}

/* The event ends when the clock has moved so far that the sum can be charged. */
static void on_ready(struct loop_watch *watch, unsigned events) {
    struct post *post = CONTAINER_OF(watch, struct post, watch);
    const int64_t began = os_coarse_us();
    int error = 0;
    (void)events;
    for (int i = 0; i < LETTERS && !error && os_coarse_us() - began <= TURN_LONG_US; i++)
        error = take_in(post);
    charge_from_now(post, NULL);
    if (error == -EPIPE) {
        log_write_about(LOG_TOPIC_LISTENER, LOG_NOBODY, LOG_LEVEL_ERROR,
                        "cannot receive notifications any more: the socket was shut down");
        loop_unwatch(&post->watch);
    } else if (error && error != -EAGAIN) {
        rest(post, error);
    }
}

int post_open(struct post *post, os_fd box, struct sessions *sessions, struct users *users) {
    *post = (struct post){.sessions = sessions, .users = users};
    post->watch.fd = box;
    post->watch.fn = on_ready;
    post->timer.fn = on_timer;
    int error = loop_timer_prepare(sessions->loop, &post->timer);
    return error ? error : loop_watch(sessions->loop, &post->watch, LOOP_READ);
}

void post_close(struct post *post) {
    loop_unwatch(&post->watch);
    loop_timer_free(&post->timer);
    bags_free(&post->bags);
}
