/* guard.h: the side of a descriptor about which only a sentry may ask (inspect_is_guarded).
 *
 * What the loop asks of the engine for any other descriptor becomes a job of the uid's sentry here. descriptor->watch says what has been
 * asked for; the watch in here is the sentry's, and says what its engine has. The copy is closed behind the last of these jobs. */
#ifndef GUARD_H
#define GUARD_H

#include "daemon/loop/polls.h"
#include "daemon/loop/sentry.h"
#include "daemon/readiness/engine.h"

struct descriptor;
struct refusal;

/* What the descriptor is told. */
struct guard_events {
    void (*armed)(struct descriptor *descriptor,
                  int result);                     /* as engine_arm's; ends a job of the descriptor */
    void (*closed)(struct descriptor *descriptor); /* likewise; the guard is gone */
};

struct guard {
    struct sentry_job job; /* arming or forgetting: one at a time */
    struct sentry *sentry;
    struct descriptor *descriptor;
    const struct guard_events *events;
    struct engine_watch
        watch; /* of the sentry's engine; the sentry's, with the next four, while a job is under way */
    struct polled poll; /* instead of the watch, of what is polled; the sentry's */
    uint64_t token;
    os_fd fd;
    bool polled;
    unsigned interest; /* 0: disarm */
    bool edge;
    int result;
    bool arming;
    bool again; /* what is needed has changed meanwhile */
};

/* A try to watch the descriptor, and a look at it. */
struct guard_try {
    struct sentry_job job;
    struct guard *guard;
    unsigned interest; /* to be armed */
    bool edge;
    int error;       /* answer: as engine_arm's */
    unsigned events; /* answer: what is ready now */
    void (*done)(struct guard_try *try);
    void (*drop)(struct guard_try
                     *try); /* instead of done: the broker ends, and the descriptor goes with the registry */
};

/* For a new descriptor. 0, or -1 and the refusal. */
int guard_open(struct descriptor *descriptor, const struct guard_events *events, struct refusal *refusal);

/* Sees to it that descriptor->watch is what the sentry's engine has. What came of it is told later, which
 * ends the job of the descriptor that begins with true; false: it is under way, and what is needed then is armed after it. */
bool guard_arm(struct guard *guard);

/* Arms for interest, which has what is needed already in it, and looks. try must stay until done; so must the descriptor
 * (descriptor_begin_job). */
void guard_try(struct guard *guard, struct guard_try *try, unsigned interest, bool edge);

/* Takes the descriptor out of everything and frees the guard; then events->closed. */
void guard_close(struct guard *guard); /* a job of the descriptor begins */

#endif
