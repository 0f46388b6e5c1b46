/* probe.h: asks a poller thread which of a wait's descriptors are ready, of those that the loop may not poll.
 *
 * A descriptor can block the poller thread, so that no answer comes. The wait has other targets and a limit, so
 * after POLLER_PATIENCE_US it is told to go on without an answer. The probe itself stays with the poller thread
 * until that returns it. */
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
    struct charge charge; /* to the uid alone: the probe may outlive the session */
    struct probe *prev, *next;
    void *owner; /* NULL: nobody waits for the answer any more */
    void (*answered)(struct probe *probe, void *owner, bool known); /* known: `probes` has the answers */
    int64_t deadline;
    int error;
    uint8_t *types; /* enum inspect_type of each descriptor */
    size_t n;
    struct engine_probe probes[];
};

/* Returns 0 or -ENOMEM. probes_deinit is also allowed if probes_init failed or was never called. */
int probes_init(struct registry *registry);
void probes_deinit(struct registry *registry);

/* Makes a probe with room for n descriptors, which the caller fills in. Its memory is charged to the user until
 * the poller thread returns it, even if the wait is gone by then. NULL with the refusal. */
struct probe *probe_new(struct registry *registry, struct user *user, size_t n, struct refusal *refusal);

/* Takes the probe. answered is called once, later in the loop, unless probe_leave is called before; the probe
 * must not be used after either. All descriptors must have thread watches of that poller thread. */
void probe_start(struct probe *probe, struct poller *poller);
void probe_leave(struct probe *probe);

#endif
