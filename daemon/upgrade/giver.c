/* giver.c: the stages. */
#include "giver.h"

#include "daemon/access/refusal.h"
#include "daemon/base/log.h"
#include "daemon/session/connection_again.h"
#include "daemon/session/session.h"
#include "daemon/session/upgrade_wait.h"
#include "daemon/side_door.h"
#include "daemon/store/spawn.h"
#include "proto/container.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char ended_early[] = "it has ended before it began";

static void on_link(struct loop_watch *watch, unsigned events);
static void on_timer(struct loop_timer *timer);
static void on_started(struct store_order *order, int error);

int giver_init(struct giver *giver, struct sessions *sessions, struct store *store, struct side_door *s6,
               struct side_door *notify) {
    *giver = (struct giver){.sessions = sessions, .store = store, .s6 = s6, .notify = notify};
    giver->watch.fn = on_link;
    giver->timer.fn = on_timer;
    ring_init(&giver->waits);
    return loop_timer_prepare(sessions->loop, &giver->timer);
}

static void leave(struct giver *giver) {
    loop_unwatch(&giver->watch);
    loop_timer_clear(&giver->timer);
    link_deinit(&giver->link);
    giver->stage = GIVER_IDLE;
    giver->late = giver->ended = false;
}

void giver_deinit(struct giver *giver) {
    if (!giver->sessions)
        return;
    leave(giver);
    loop_timer_free(&giver->timer);
    giver->sessions = NULL;
}

static void tell(struct giver *giver, const struct refusal *refusal) {
    struct ring all, *node;
    ring_init(&all);
    ring_move_all(&all, &giver->waits);
    while ((node = ring_first(&all)) != NULL) {
        struct upgrade_wait *wait = CONTAINER_OF(node, struct upgrade_wait, node);
        ring_remove(node);
        wait->failed(wait, refusal);
    }
}

/* This broker goes on. */
static void fail(struct giver *giver, const char *why) {
    struct refusal refusal;
    log_write(LOG_LEVEL_ERROR, "no other broker has taken over: %s", why);
    (void)refusal_set(&refusal, REFUSAL_SYSTEM, NULL, "the log of portd says more",
                      "no other broker has taken over, and this one goes on: %s", why);
    if (giver->stage == GIVER_DRAINS) {
        if (giver->notify->takes)
            (void)loop_set(&giver->notify->post.watch, LOOP_READ);
        sessions_thaw(giver->sessions);
    }
    leave(giver);
    tell(giver, &refusal);
}

static void fail_errno(struct giver *giver, const char *what, int error) {
    char why[160];
    (void)snprintf(why, sizeof why, "%s: %s", what, os_error_text(-error));
    fail(giver, why);
}

/* ---- the start of the next broker --------------------------------------------------------------------------------- */

static int order_next(struct giver *giver) {
    os_fd ends[2];
    int error = spawn_pair(ends);
    if (error)
        return error;
    error = link_init(&giver->link, ends[0]);
    giver->order = (struct store_order){.done = on_started};
    if (!error)
        error = store_start_next(&giver->order, ends[1]);
    if (!error)
        error = store_commit(giver->store, &giver->order);
    os_close(ends[1]);
    giver->ordered = error == 0;
    if (error == 1)
        error = -EPIPE;
    if (error)
        return error;
    giver->watch.fd = link_pollable(&giver->link);
    error = loop_watch(giver->sessions->loop, &giver->watch, LOOP_READ);
    return error ? error : loop_timer_set(giver->sessions->loop, &giver->timer, os_now_us() + GIVER_BEGIN_US);
}

static void on_started(struct store_order *order, int error) {
    struct giver *giver = CONTAINER_OF(order, struct giver, order);
    giver->ordered = false;
    if (giver->stage != GIVER_STARTS)
        return;
    if (error)
        fail_errno(giver, "the keeper cannot start it", error);
    else if (giver->ended)
        fail(giver, ended_early);
}

void giver_start(struct giver *giver, struct upgrade_wait *wait) {
    struct refusal refusal;
    ring_add(&giver->waits, &wait->node);
    if (!store_is_kept(giver->store)) {
        (void)refusal_set(&refusal, REFUSAL_UNSUPPORTED, NULL,
                          "start portd with --keeper yes, or restart it: then clients connect again",
                          "this broker has no keeper, which would start the next one");
        tell(giver, &refusal);
        return;
    }
    if (giver->stage != GIVER_IDLE)
        return;
    if (giver->ordered) {
        (void)refusal_set(&refusal, REFUSAL_LIMIT, NULL, "try again in a moment",
                          "the keeper has not answered the upgrade before");
        tell(giver, &refusal);
        return;
    }
    giver->stage = GIVER_STARTS;
    log_write(LOG_LEVEL_INFO, "another broker is asked for, to take over");
    int error = order_next(giver);
    if (error)
        fail_errno(giver, "it cannot be asked for", error);
}

/* ---- when it has begun -------------------------------------------------------------------------------------------- */

static void begin(struct giver *giver, const Portd__Upgrade__V1__Begin *word) {
    giver->pid = word->pid;
    (void)snprintf(giver->version, sizeof giver->version, "%s", word->version);
    giver->stage = GIVER_DRAINS;
    loop_unwatch(&giver->watch);
    sessions_freeze(giver->sessions);
    if (giver->notify->takes)
        (void)loop_set(&giver->notify->post.watch, 0);
    (void)loop_timer_set(giver->sessions->loop, &giver->timer, os_now_us() + GIVER_DRAIN_US);
}

static void drop_fds(struct channel_frame *frame) {
    for (size_t i = 0; i < frame->n_fds; i++)
        os_close(frame->fds[i]);
}

static void on_link(struct loop_watch *watch, unsigned events) {
    struct giver *giver = CONTAINER_OF(watch, struct giver, watch);
    struct channel_frame frame;
    Word *word;
    (void)events;
    giver->link.deadline = os_now_us() + GIVER_DRAIN_US;
    int error = link_receive(&giver->link, &word, &frame);
    if (error == -EPIPE && giver->ordered) { /* the keeper tells why */
        giver->ended = true;
        loop_unwatch(watch);
        return;
    }
    if (error) {
        fail(giver, error == -EPIPE ? ended_early : os_error_text(-error));
        return;
    }
    drop_fds(&frame);
    if (word->begin)
        begin(giver, word->begin);
    else
        fail(giver, *word->failed ? word->failed : "it is of a version that speaks otherwise");
    link_free_word(word);
}

static void on_timer(struct loop_timer *timer) {
    struct giver *giver = CONTAINER_OF(timer, struct giver, timer);
    if (giver->stage == GIVER_STARTS)
        fail(giver, "it has not begun in time");
    else
        giver->late = true; /* giver_round */
}

/* ---- all is given ------------------------------------------------------------------------------------------------- */

static int give_door(struct giver *giver, const struct side_door *side) {
    Word word = PORTD__UPGRADE__V1__WORD__INIT;
    Portd__Upgrade__V1__Door door = PORTD__UPGRADE__V1__DOOR__INIT;
    if (!side->address)
        return 0;
    door.address = (char *)(uintptr_t)side->address; /* packing only reads it */
    door.device = side->file.device;
    door.inode = side->file.inode;
    word.door = &door;
    return link_send(&giver->link, &word, &side->fd, 1);
}

static int give_begin(struct giver *giver) {
    Word word = PORTD__UPGRADE__V1__WORD__INIT;
    Portd__Upgrade__V1__Begin begun = PORTD__UPGRADE__V1__BEGIN__INIT;
    begun.pid = (uint32_t)getpid();
    word.begin = &begun;
    return link_send(&giver->link, &word, NULL, 0);
}

static int give_flag(struct giver *giver, bool go) {
    Word word = PORTD__UPGRADE__V1__WORD__INIT;
    word.end = !go;
    word.go = go;
    int error = link_send(&giver->link, &word, NULL, 0);
    return error ? error : link_flush(&giver->link);
}

/* 0: it is ready. */
static int await_ready(struct giver *giver, char why[160]) {
    struct channel_frame frame;
    Word *word;
    int error = link_receive(&giver->link, &word, &frame);
    if (error == -EPIPE)
        (void)snprintf(why, 160, "it has ended before it was ready");
    else if (error)
        (void)snprintf(why, 160, "it is not ready: %s", os_error_text(-error));
    if (error)
        return -1;
    drop_fds(&frame);
    bool ready = word->ready;
    if (!ready)
        (void)snprintf(why, 160, "%s", *word->failed ? word->failed : "it speaks otherwise");
    link_free_word(word);
    return ready ? 0 : -1;
}

static int give_all(struct giver *giver, char why[160]) {
    giver->link.deadline = os_now_us() + GIVER_GIVE_US;
    int error = give_door(giver, giver->s6);
    if (!error)
        error = give_door(giver, giver->notify);
    if (!error)
        error = give_begin(giver);
    if (!error)
        error = giver_give(giver);
    if (!error)
        error = give_flag(giver, false);
    if (error && error != -EPIPE)
        (void)snprintf(why, 160, "not everything could be given to it: %s", os_error_text(-error));
    return error && error != -EPIPE ? -1 : await_ready(giver, why);
}

/* The next broker has everything: the kernel closes what this one has, all of which it has as well. */
static _Noreturn void end(const struct giver *giver) {
    log_write(LOG_LEVEL_INFO, "another broker has taken over, and this one ends; pid=%u",
              (unsigned)giver->pid);
    log_close();
    _exit(EXIT_SUCCESS);
}

void giver_try(struct giver *giver) {
    char why[160] = "";
    if (!giver_is_drained(giver) && !giver->late)
        return;
    int error = give_all(giver, why);
    if (!error)
        error = give_flag(giver, true);
    if (!error)
        end(giver);
    fail(giver, *why ? why : "it has ended");
}
