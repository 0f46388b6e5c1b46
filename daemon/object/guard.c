/* guard.c: arming, trying and forgetting by way of a sentry. */
#include "guard.h"

#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/slots.h"
#include "daemon/access/user.h"
#include "daemon/loop/polls.h"
#include "descriptor.h"
#include "extras.h"
#include "inspect.h"
#include "proto/container.h"
#include "registry.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static struct guard *guard_of(struct sentry_job *job) { return CONTAINER_OF(job, struct guard, job); }

static struct guard_try *try_of(struct sentry_job *job) { return CONTAINER_OF(job, struct guard_try, job); }

int guard_open(struct descriptor *descriptor, const struct guard_events *events, struct refusal *refusal) {
    struct registry *registry = descriptor->user->registry;
    struct user *user = descriptor->user;
    struct guard *guard;
    size_t opened = 0;
    if (!limit_may_keep(user, SENTRY_FDS, SENTRY_FDS))
        return holders_refuse_table(user, refusal);
    guard = extras_get(descriptor) ? calloc(1, sizeof *guard) : NULL;
    if (!guard)
        return refusal_memory(refusal);
    guard->sentry = sentry_ref(registry->env.sentries, user->uid, &opened);
    slots_take(registry->env.slots, opened);
    if (!guard->sentry) {
        int error = errno;
        free(guard);
        return error == EBUSY
                   ? refusal_set(refusal, REFUSAL_LIMIT, "number", "try again when others have ended",
                                 "%d other users already have descriptors of this type (%s) watched",
                                 SENTRY_MOST, inspect_name((enum inspect_type)descriptor->type))
                   : refusal_system(refusal, error, "cannot start a thread to watch the descriptor");
    }
    guard->descriptor = descriptor;
    guard->events = events;
    guard->token = descriptor->id;
    guard->fd = descriptor->fd;
    guard->polled = descriptor->type == INSPECT_EPOLL;
    guard->poll = (struct polled){.fd = guard->fd, .token = guard->token};
    descriptor->extras->guard = guard;
    return 0;
}

static int arm(struct guard *guard, struct engine *engine, unsigned interest, bool edge) {
    if (guard->polled)
        return sentry_poll(guard->sentry, &guard->poll, interest, edge);
    if (interest)
        return engine_arm(engine, &guard->watch, guard->fd, interest, edge, guard->token);
    engine_disarm(engine, &guard->watch, guard->fd);
    return 0;
}

static void work_arm(struct sentry_job *job, struct engine *engine) {
    struct guard *guard = guard_of(job);
    guard->result = arm(guard, engine, guard->interest, guard->edge);
}

/* Nobody will be told: what is left of the descriptor goes with the registry. */
static void on_dropped(struct sentry_job *job) {
    struct guard *guard = guard_of(job);
    guard->descriptor->extras->guard = NULL;
    free(guard);
}

static void on_armed(struct sentry_job *job) {
    struct guard *guard = guard_of(job);
    guard->arming = false;
    guard->events->armed(guard->descriptor, guard->result);
}

bool guard_arm(struct guard *guard) {
    const struct engine_watch *wanted = &guard->descriptor->watch;
    guard->again = guard->arming;
    if (guard->arming)
        return false;
    guard->arming = true;
    guard->interest = engine_watch_interest(wanted);
    guard->edge = engine_watch_is_edge(wanted);
    guard->job = (struct sentry_job){.work = work_arm, .done = on_armed, .drop = on_dropped};
    sentry_submit(guard->sentry, &guard->job);
    return true;
}

static void work_try(struct sentry_job *job, struct engine *engine) {
    struct guard_try *try = try_of(job);
    struct engine_probe probe = {try->guard->fd, (uint8_t)try->interest, 0};
    try->error = arm(try->guard, engine, try->interest, try->edge);
    if (!try->error)
        try->error = engine_probe(&probe, 1);
    try->events = probe.events;
}

static void on_tried(struct sentry_job *job) {
    struct guard_try *try = try_of(job);
    struct descriptor *descriptor = try->guard->descriptor;
    if (try->error && descriptor->state == DESCRIPTOR_OPEN)
        engine_watch_note(&descriptor->watch, 0, false);
    try->done(try);
}

static void on_try_dropped(struct sentry_job *job) {
    struct guard_try *try = try_of(job);
    try->drop(try);
}

void guard_try(struct guard *guard, struct guard_try *try, unsigned interest, bool edge) {
    engine_watch_note(&guard->descriptor->watch, interest, edge);
    try->guard = guard;
    try->interest = interest;
    try->edge = edge;
    try->job = (struct sentry_job){.work = work_try, .done = on_tried, .drop = on_try_dropped};
    sentry_submit(guard->sentry, &try->job);
}

static void work_close(struct sentry_job *job, struct engine *engine) {
    (void)arm(guard_of(job), engine, 0, false);
}

static void on_closed(struct sentry_job *job) {
    struct guard *guard = guard_of(job);
    struct descriptor *descriptor = guard->descriptor;
    const struct guard_events *events = guard->events;
    sentry_unref(guard->sentry);
    descriptor->extras->guard = NULL;
    free(guard);
    events->closed(descriptor);
}

void guard_close(struct guard *guard) {
    guard->job = (struct sentry_job){.work = work_close, .done = on_closed, .drop = on_dropped};
    sentry_submit(guard->sentry, &guard->job);
}
