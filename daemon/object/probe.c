/* probe.c: probes in flight, and the timer that ends the wait for them. */
#include "probe.h"

#include "daemon/access/quota.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/loop.h"
#include "proto/container.h"
#include "registry.h"
#include "taker.h"
#include "utlist.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct probes_pending {
    struct loop_timer timer;
    struct probe *list; /* those with an owner, oldest first */
};

static struct probe *probe_of(struct poller_job *job) { return CONTAINER_OF(job, struct probe, job); }

static void set_timer(struct registry *registry) {
    struct probes_pending *probes_pending = registry->probes_pending;
    if (probes_pending->list)
        (void)loop_timer_set(registry->env.loop, &probes_pending->timer, probes_pending->list->deadline);
    else
        loop_timer_clear(&probes_pending->timer);
}

static void leave(struct probe *probe) {
    struct probes_pending *probes_pending = probe->registry->probes_pending;
    bool first = probes_pending->list == probe;
    DL_DELETE(probes_pending->list, probe);
    probe->owner = NULL;
    if (first)
        set_timer(probe->registry);
}

static void on_timer(struct loop_timer *timer) {
    struct probes_pending *probes_pending = CONTAINER_OF(timer, struct probes_pending, timer);
    struct probe *probe = probes_pending->list;
    if (!probe)
        return;
    void *owner = probe->owner;
    leave(probe);
    probe->answered(probe, owner, false);
}

int probes_init(struct registry *registry) {
    struct probes_pending *probes_pending = calloc(1, sizeof *probes_pending);
    if (!probes_pending)
        return -ENOMEM;
    probes_pending->timer.fn = on_timer;
    registry->probes_pending = probes_pending;
    return loop_timer_prepare(registry->env.loop, &probes_pending->timer);
}

void probes_deinit(struct registry *registry) {
    if (!registry->probes_pending)
        return;
    loop_timer_free(&registry->probes_pending->timer);
    free(registry->probes_pending);
    registry->probes_pending = NULL;
}

static size_t size_of(size_t n) { return sizeof(struct probe) + n * (sizeof(struct engine_probe) + 1); }

struct probe *probe_new(struct registry *registry, struct user *user, size_t n, struct refusal *refusal) {
    struct charge charge;
    struct probe *probe;
    charge_init(&charge, user, NULL);
    probe = charge_take(&charge, USER_BYTES, size_of(n), refusal) ? NULL : calloc(1, size_of(n));
    if (!probe) {
        if (charge.used[USER_BYTES])
            refusal_memory(refusal);
        charge_deinit(&charge);
        return NULL;
    }
    charge_move(&probe->charge, &charge);
    probe->registry = registry;
    probe->n = n;
    probe->types = (uint8_t *)&probe->probes[n];
    return probe;
}

static void probe_free(struct probe *probe) {
    charge_deinit(&probe->charge);
    free(probe);
}

static void work(struct poller_job *job, struct engine *engine) {
    struct probe *probe = probe_of(job);
    (void)engine;
    probe->error = taker_probe(probe->probes, probe->types, probe->n);
}

static void on_done(struct poller_job *job) {
    struct probe *probe = probe_of(job);
    void *owner = probe->owner;
    if (owner) {
        leave(probe);
        probe->answered(probe, owner, !probe->error);
    }
    probe_free(probe);
}

static void on_dropped(struct poller_job *job) { probe_free(probe_of(job)); }

void probe_start(struct probe *probe, struct poller *poller) {
    struct probes_pending *probes_pending = probe->registry->probes_pending;
    probe->deadline = os_now_us() + POLLER_PATIENCE_US;
    probe->job = (struct poller_job){.work = work, .done = on_done, .drop = on_dropped};
    DL_APPEND(probes_pending->list, probe);
    if (probes_pending->list == probe)
        set_timer(probe->registry);
    poller_submit(poller, &probe->job);
}

void probe_leave(struct probe *probe) { leave(probe); }
