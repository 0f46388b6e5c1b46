/* ask.c: questions under way, and the patience with them. */
#include "ask.h"

#include "daemon/access/quota.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/loop.h"
#include "proto/container.h"
#include "registry.h"
#include "utlist.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct asks {
    struct loop_timer timer;
    struct ask *list; /* those that somebody waits for, oldest first */
};

static struct ask *ask_of(struct sentry_job *job) { return CONTAINER_OF(job, struct ask, job); }

static void set_timer(struct registry *registry) {
    struct asks *asks = registry->asks;
    if (asks->list)
        (void)loop_timer_set(registry->env.loop, &asks->timer, asks->list->deadline);
    else
        loop_timer_clear(&asks->timer);
}

static void leave(struct ask *ask) {
    struct asks *asks = ask->registry->asks;
    bool first = asks->list == ask;
    DL_DELETE(asks->list, ask);
    ask->owner = NULL;
    if (first)
        set_timer(ask->registry);
}

static void on_timer(struct loop_timer *timer) {
    struct asks *asks = CONTAINER_OF(timer, struct asks, timer);
    struct ask *ask = asks->list;
    if (!ask)
        return;
    void *owner = ask->owner;
    leave(ask);
    ask->answered(ask, owner, false);
}

int asks_init(struct registry *registry) {
    struct asks *asks = calloc(1, sizeof *asks);
    if (!asks)
        return -ENOMEM;
    asks->timer.fn = on_timer;
    registry->asks = asks;
    return loop_timer_prepare(registry->env.loop, &asks->timer);
}

void asks_deinit(struct registry *registry) {
    if (!registry->asks)
        return;
    loop_timer_free(&registry->asks->timer);
    free(registry->asks);
    registry->asks = NULL;
}

static size_t size_of(size_t n) { return sizeof(struct ask) + n * sizeof(struct engine_probe); }

struct ask *ask_new(struct registry *registry, struct user *user, size_t n, struct refusal *refusal) {
    struct charge charge;
    struct ask *ask;
    charge_init(&charge, user, NULL);
    ask = charge_take(&charge, USER_BYTES, size_of(n), refusal) ? NULL : calloc(1, size_of(n));
    if (!ask) {
        if (charge.used[USER_BYTES])
            refusal_memory(refusal);
        charge_deinit(&charge);
        return NULL;
    }
    charge_move(&ask->charge, &charge);
    ask->registry = registry;
    ask->n = n;
    return ask;
}

static void ask_free(struct ask *ask) {
    charge_deinit(&ask->charge);
    free(ask);
}

static void work(struct sentry_job *job, struct engine *engine) {
    struct ask *ask = ask_of(job);
    (void)engine;
    ask->error = engine_probe(ask->probes, ask->n);
}

static void on_done(struct sentry_job *job) {
    struct ask *ask = ask_of(job);
    void *owner = ask->owner;
    if (owner) {
        leave(ask);
        ask->answered(ask, owner, !ask->error);
    }
    ask_free(ask);
}

static void on_dropped(struct sentry_job *job) { ask_free(ask_of(job)); }

void ask_start(struct ask *ask, struct sentry *sentry) {
    struct asks *asks = ask->registry->asks;
    ask->deadline = os_now_us() + SENTRY_PATIENCE_US;
    ask->job = (struct sentry_job){.work = work, .done = on_done, .drop = on_dropped};
    DL_APPEND(asks->list, ask);
    if (asks->list == ask)
        set_timer(ask->registry);
    sentry_submit(sentry, &ask->job);
}

void ask_leave(struct ask *ask) { leave(ask); }
