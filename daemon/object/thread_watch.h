/* thread_watch.h: the side of a descriptor about which only a poller thread may ask (inspect_needs_thread).
 *
 * What the loop asks of the engine for any other descriptor becomes a job of the uid's poller thread here. descriptor->watch says what has been
 * asked for; the watch in here is the poller thread's, and says what its engine has. The copy is closed behind the last of these jobs. */
#ifndef THREAD_WATCH_H
#define THREAD_WATCH_H

#include "daemon/loop/poller.h"
#include "daemon/loop/polls.h"
#include "daemon/readiness/engine.h"

struct descriptor;
struct refusal;

/* What the descriptor is told. */
struct thread_watch_events {
    void (*armed)(struct descriptor *descriptor,
                  int result);                     /* as engine_arm's; ends a job of the descriptor */
    void (*closed)(struct descriptor *descriptor); /* likewise; the thread watch is gone */
};

struct thread_watch {
    struct poller_job job; /* arming or forgetting: one at a time */
    struct poller *poller;
    struct descriptor *descriptor;
    const struct thread_watch_events *events;
    struct engine_watch
        watch; /* of the poller thread's engine; the poller thread's, with the next four, while a job is under way */
    struct polled poll; /* instead of the watch, of what is polled; the poller thread's */
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
struct thread_watch_try {
    struct poller_job job;
    struct thread_watch *thread_watch;
    unsigned interest; /* to be armed */
    bool edge;
    int error;       /* answer: as engine_arm's */
    unsigned events; /* answer: what is ready now */
    void (*done)(struct thread_watch_try *try);
    void (*drop)(struct thread_watch_try
                     *try); /* instead of done: the broker ends, and the descriptor goes with the registry */
};

/* For a new descriptor. 0, or -1 and the refusal. */
int thread_watch_open(struct descriptor *descriptor, const struct thread_watch_events *events,
                      struct refusal *refusal);

/* Sees to it that descriptor->watch is what the poller thread's engine has. What came of it is told later, which
 * ends the job of the descriptor that begins with true; false: it is under way, and what is needed then is armed after it. */
bool thread_watch_arm(struct thread_watch *thread_watch);

/* Arms for interest, which has what is needed already in it, and looks. try must stay until done; so must the descriptor
 * (descriptor_begin_job). */
void thread_watch_try(struct thread_watch *thread_watch, struct thread_watch_try *try, unsigned interest,
                      bool edge);

/* Takes the descriptor out of everything and frees the thread watch; then events->closed. */
void thread_watch_close(struct thread_watch *thread_watch); /* a job of the descriptor begins */

#endif
