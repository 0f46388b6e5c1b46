/* thread_watch.c: arming, trying and closing by jobs of a poller thread. */
#include "thread_watch.h"

#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/polls.h"
#include "descriptor.h"
#include "extras.h"
#include "inspect.h"
#include "pollable.h"
#include "proto/container.h"
#include "registry.h"
#include "taker.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct thread_watch *thread_watch_of(struct poller_job *job) {
    return CONTAINER_OF(job, struct thread_watch, job);
}

static struct thread_watch_try *try_of(struct poller_job *job) {
    return CONTAINER_OF(job, struct thread_watch_try, job);
}

int thread_watch_open(struct descriptor *descriptor, const struct thread_watch_events *events,
                      struct refusal *refusal) {
    struct registry *registry = descriptor->user->registry;
    struct user *user = descriptor->user;
    struct thread_watch *thread_watch;
    if (!limit_may_keep(user, POLLER_FDS, POLLER_FDS))
        return holders_refuse_table(user, refusal);
    thread_watch = extras_get(descriptor) ? calloc(1, sizeof *thread_watch) : NULL;
    if (!thread_watch)
        return refusal_memory(refusal);
    thread_watch->poller = poller_ref(registry->env.pollers, user->uid);
    if (!thread_watch->poller) {
        int error = errno;
        free(thread_watch);
        return error == EBUSY
                   ? refusal_set(refusal, REFUSAL_LIMIT, "number",
                                 "try again when another user has removed its own",
                                 "%d other users already have descriptors of this type (%s) watched",
                                 POLLER_MOST, inspect_name((enum inspect_type)descriptor->type))
                   : refusal_system(refusal, error, "cannot start a thread to watch the descriptor");
    }
    thread_watch->descriptor = descriptor;
    thread_watch->events = events;
    thread_watch->token = descriptor->id;
    thread_watch->fd = descriptor->fd;
    thread_watch->polled = descriptor->type == INSPECT_EPOLL;
    thread_watch->regular = descriptor->type == INSPECT_REGULAR;
    thread_watch->poll = (struct polled){.fd = thread_watch->fd, .token = thread_watch->token};
    descriptor->extras->thread_watch = thread_watch;
    return 0;
}

/* An edge-triggered watch, which stays armed when it reports. */
static bool is_armed(const struct engine_watch *watch, unsigned interest, bool edge) {
    return edge && engine_watch_is_edge(watch) && engine_watch_interest(watch) == interest;
}

/* What is always ready is polled instead of a taker. */
static bool is_taker(struct thread_watch *thread_watch) {
    if (thread_watch->regular && !thread_watch->looked) {
        thread_watch->taker = taker_is(thread_watch->fd);
        thread_watch->looked = true;
        if (thread_watch->taker)
            thread_watch->poll.fd = pollable_always();
    }
    return thread_watch->taker;
}

static int arm_epoll(struct thread_watch *thread_watch, unsigned interest, bool edge) {
    int error = interest ? taker_look(thread_watch->fd) : 0;
    if (error)
        (void)poller_poll(thread_watch->poller, &thread_watch->poll, 0, false);
    return error ? error : poller_poll(thread_watch->poller, &thread_watch->poll, interest, edge);
}

static int arm(struct thread_watch *thread_watch, struct engine *engine, unsigned interest, bool edge,
               bool retell) {
    if (thread_watch->polled)
        return arm_epoll(thread_watch, interest, edge);
    if (interest ? is_taker(thread_watch) : thread_watch->taker)
        return poller_poll(thread_watch->poller, &thread_watch->poll,
                           interest & taker_ready(thread_watch->fd), edge);
    if (is_armed(&thread_watch->watch, interest, edge) && !retell)
        return 0;
    if (interest)
        return engine_arm(engine, &thread_watch->watch, thread_watch->fd, interest, edge,
                          thread_watch->token);
    engine_disarm(engine, &thread_watch->watch, thread_watch->fd);
    return 0;
}

static void work_arm(struct poller_job *job, struct engine *engine) {
    struct thread_watch *thread_watch = thread_watch_of(job);
    thread_watch->result =
        arm(thread_watch, engine, thread_watch->interest, thread_watch->edge, thread_watch->retold);
}

/* The broker ends: nobody is notified, and the registry frees the descriptor. */
static void on_dropped(struct poller_job *job) {
    struct thread_watch *thread_watch = thread_watch_of(job);
    thread_watch->descriptor->extras->thread_watch = NULL;
    free(thread_watch);
}

static void on_armed(struct poller_job *job) {
    struct thread_watch *thread_watch = thread_watch_of(job);
    thread_watch->arming = false;
    thread_watch->events->armed(thread_watch->descriptor, thread_watch->result);
}

bool thread_watch_arm(struct thread_watch *thread_watch, bool retell) {
    const struct engine_watch *wanted = &thread_watch->descriptor->watch;
    thread_watch->again = thread_watch->arming;
    thread_watch->retell = thread_watch->retell || retell;
    if (thread_watch->arming)
        return false;
    thread_watch->arming = true;
    thread_watch->interest =
        engine_watch_is_for_hang_up(wanted) ? (unsigned)ENGINE_HANG_UP : engine_watch_interest(wanted);
    thread_watch->edge = engine_watch_is_edge(wanted);
    thread_watch->retold = thread_watch->retell;
    thread_watch->retell = false;
    thread_watch->job = (struct poller_job){.work = work_arm, .done = on_armed, .drop = on_dropped};
    poller_submit(thread_watch->poller, &thread_watch->job);
    return true;
}

static void work_try(struct poller_job *job, struct engine *engine) {
    struct thread_watch_try *try = try_of(job);
    const struct thread_watch *thread_watch = try->thread_watch;
    struct engine_probe probe = {thread_watch->fd, (uint8_t)try->interest, 0};
    uint8_t type = thread_watch->regular ? INSPECT_REGULAR : INSPECT_OTHER;
    if (thread_watch->polled)
        taker_forget(thread_watch->fd);
    try->error = arm(try->thread_watch, engine, try->interest, try->edge, false);
    if (!try->error) /* arm() has looked into an epoll descriptor, if that could be done */
        try->error = thread_watch->polled ? engine_probe(&probe, 1) : taker_probe(&probe, &type, 1);
    try->events = probe.events;
}

static void on_tried(struct poller_job *job) {
    struct thread_watch_try *try = try_of(job);
    struct descriptor *descriptor = try->thread_watch->descriptor;
    if (try->error && descriptor->state == DESCRIPTOR_OPEN)
        engine_watch_note(&descriptor->watch, 0, false);
    try->done(try);
}

static void on_try_dropped(struct poller_job *job) {
    struct thread_watch_try *try = try_of(job);
    try->drop(try);
}

void thread_watch_try(struct thread_watch *thread_watch, struct thread_watch_try *try, unsigned interest,
                      bool edge) {
    engine_watch_note(&thread_watch->descriptor->watch, interest, edge);
    try->thread_watch = thread_watch;
    try->interest = interest;
    try->edge = edge;
    try->job = (struct poller_job){.work = work_try, .done = on_tried, .drop = on_try_dropped};
    poller_submit(thread_watch->poller, &try->job);
}

static void work_close(struct poller_job *job, struct engine *engine) {
    (void)arm(thread_watch_of(job), engine, 0, false, false);
}

static void on_closed(struct poller_job *job) {
    struct thread_watch *thread_watch = thread_watch_of(job);
    struct descriptor *descriptor = thread_watch->descriptor;
    const struct thread_watch_events *events = thread_watch->events;
    poller_unref(thread_watch->poller);
    descriptor->extras->thread_watch = NULL;
    free(thread_watch);
    events->closed(descriptor);
}

void thread_watch_close(struct thread_watch *thread_watch) {
    thread_watch->job = (struct poller_job){.work = work_close, .done = on_closed, .drop = on_dropped};
    poller_submit(thread_watch->poller, &thread_watch->job);
}
