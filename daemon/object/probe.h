/* probe.h: a wait's question to a poller thread: what is ready of those descriptors that the loop may not ask about.
 *
 * Somebody may hold the poller thread up, and then nothing is known of them; the wait has other targets and a limit, so it is told so after
 * POLLER_PATIENCE_US and goes on without an answer. The question stays with the poller thread until that comes back. */
#ifndef PROBE_H
#define PROBE_H

#include "daemon/access/charge.h"
#include "daemon/loop/poller.h"
#include "daemon/readiness/engine.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refusal;
struct registry;
struct user;

struct probe {
    struct poller_job job;
    struct registry *registry;
    struct charge charge; /* to the uid alone: it may be there longer than the session */
    struct probe *prev, *next;
    void *owner; /* NULL: nobody waits for the answer any more */
    void (*answered)(struct probe *probe, void *owner, bool known); /* known: the probes have their answers */
    int64_t deadline;
    int error;
    size_t n;
    struct engine_probe probes[];
};

/* 0 or -ENOMEM. probes_deinit is allowed also where probes_init has failed or has not been. */
int probes_init(struct registry *registry);
void probes_deinit(struct registry *registry);

/* With room for n probes, to be filled in by the caller. Its memory is charged to the user until the poller thread has given it back, however
 * long ago the wait has gone. NULL: the refusal. */
struct probe *probe_new(struct registry *registry, struct user *user, size_t n, struct refusal *refusal);

/* answered is called once, later, unless probe_leave is before; the ask is not the caller's after either. The descriptors must belong to
 * thread watches of that poller thread. */
void probe_start(struct probe *probe, struct poller *poller);
void probe_leave(struct probe *probe);

#endif
