/* thread_watch.h: a descriptor's watch by a poller thread, if only a poller thread may poll it
 * (inspect_needs_thread).
 *
 * What the loop asks the engine for any other descriptor becomes a job for the uid's poller thread.
 * descriptor->watch says what has been asked for; the watch in here belongs to the poller thread and says what
 * its engine has. The descriptor is closed after the last of these jobs. */
#ifndef THREAD_WATCH_H
#define THREAD_WATCH_H

#include "daemon/loop/poller.h"
#include "daemon/loop/polls.h"
#include "daemon/readiness/engine.h"

struct descriptor;
struct refusal;

/* Callbacks to the descriptor, in the loop. */
struct thread_watch_events {
    /* The result of arming, like engine_arm's. Ends a job of the descriptor. */
    void (*armed)(struct descriptor *descriptor, int result);
    /* The thread watch is gone. Ends a job of the descriptor. */
    void (*closed)(struct descriptor *descriptor);
};

struct thread_watch {
    struct poller_job job; /* arming or closing, one at a time */
    struct poller *poller;
    struct descriptor *descriptor;
    const struct thread_watch_events *events;
    /* In the poller thread's engine. watch and poll belong to the poller thread, and so do interest to
     * result while `arming`. */
    struct engine_watch watch;
    struct polled poll; /* used instead of watch if `polled` or `taker` */
    uint64_t token;
    os_fd fd;
    bool polled;
    bool regular;
    bool looked; /* whether it is a taker (taker.h) is known; both belong to the poller thread */
    bool taker;
    unsigned interest; /* 0: disarm */
    bool edge;
    bool retold; /* even if it is armed so already, so that what is ready is reported again */
    int result;
    bool arming;
    bool again;  /* the needs have changed since `arming` */
    bool retell; /* `retold` for the next arming */
};

/* A try to watch the descriptor, and a probe of it. */
struct thread_watch_try {
    struct poller_job job;
    struct thread_watch *thread_watch;
    unsigned interest; /* to be armed */
    bool edge;
    int error;       /* answer: engine_arm's result, or TAKER_E_INSIDE */
    unsigned events; /* answer: ready now */
    void (*done)(struct thread_watch_try *try);
    /* Called instead of done when the broker ends. The registry frees the descriptor. */
    void (*drop)(struct thread_watch_try *try);
};

/* Makes the thread watch of a new descriptor, and the uid's poller thread if it has none. Returns 0, or -1 with
 * the refusal. */
int thread_watch_open(struct descriptor *descriptor, const struct thread_watch_events *events,
                      struct refusal *refusal);

/* Makes the poller thread watch what descriptor->watch says. True: events->armed reports the result later, and
 * ends a job of the descriptor that the caller must begin now. False: an arming is in flight, and `again` asks
 * for another one after it. An edge-triggered watch that is the same already is left alone, as its activities
 * are reported in any case; with `retell` it reports what is ready once more. */
bool thread_watch_arm(struct thread_watch *thread_watch, bool retell);

/* Arms for interest, which must include what is needed already, and probes: so an edge-triggered watch that is
 * the same already reports nothing again. The caller keeps try until done or drop, and must have begun a job of
 * the descriptor. */
void thread_watch_try(struct thread_watch *thread_watch, struct thread_watch_try *try, unsigned interest,
                      bool edge);

/* Disarms, frees the thread watch and calls events->closed. */
void thread_watch_close(struct thread_watch *thread_watch); /* begin a job of the descriptor before */

#endif
