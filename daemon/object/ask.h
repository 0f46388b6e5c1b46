/* ask.h: a wait's question to a sentry: what is ready of those descriptors that the loop may not ask about.
 *
 * Somebody may hold the sentry up, and then nothing is known of them; the wait has other targets and a limit, so it is told so after
 * SENTRY_PATIENCE_US and goes on without an answer. The question stays with the sentry until that comes back. */
#ifndef ASK_H
#define ASK_H

#include "daemon/access/charge.h"
#include "daemon/loop/sentry.h"
#include "daemon/readiness/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refusal;
struct registry;
struct user;

struct ask {
    struct sentry_job job;
    struct registry *registry;
    struct charge charge; /* to the uid alone: it may be there longer than the session */
    struct ask *prev, *next;
    void *owner; /* NULL: nobody waits for the answer any more */
    void (*answered)(struct ask *ask, void *owner, bool known); /* known: the probes have their answers */
    int64_t deadline;
    int error;
    size_t n;
    struct engine_probe probes[];
};

/* 0 or -ENOMEM. asks_deinit is allowed also where asks_init has failed or has not been. */
int asks_init(struct registry *registry);
void asks_deinit(struct registry *registry);

/* With room for n probes, to be filled in by the caller. Its memory is charged to the user until the sentry has given it back, however
 * long ago the wait has gone. NULL: the refusal. */
struct ask *ask_new(struct registry *registry, struct user *user, size_t n, struct refusal *refusal);

/* answered is called once, later, unless ask_leave is before; the ask is not the caller's after either. The descriptors must belong to
 * guards of that sentry. */
void ask_start(struct ask *ask, struct sentry *sentry);
void ask_leave(struct ask *ask);

#endif
