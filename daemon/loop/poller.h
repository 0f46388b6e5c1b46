/* poller.h: threads that poll descriptors whose poll can block.
 *
 * poll(2), epoll_ctl and epoll_wait run the poll operation of the descriptor. For some kinds it takes a lock that another process can hold
 * for as long as it likes (inspect_needs_thread says which). The loop never polls those: each uid that has any gets a poller thread with a
 * readiness engine of its own, which sleeps in that engine and runs jobs between sleeps. A uid whose descriptor blocks its poller thread
 * delays only itself.
 *
 * Epoll descriptors are polled, not added to the engine (poller_poll): adding one epoll to another takes a lock that is global to the system
 * and that any process can hold.
 *
 * work() runs on the poller thread, with its engine, and touches nothing of the broker but the job; done() runs in the loop. The jobs of a
 * poller thread are done in their order, and its engine's events keep their place among them: an event found before a job is reported
 * before that job's done(). */
#ifndef POLLER_H
#define POLLER_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    POLLER_MOST = 1024, /* uids, mostly with a terminal; an idle thread takes about 40 kB */
    POLLER_FDS = 3,     /* descriptors per thread */
    POLLER_PATIENCE_US = 500000
};

struct engine;
struct loop;
struct polled;
struct poller;
struct pollers;

struct poller_job {
    void (*work)(struct poller_job *job, struct engine *engine);
    void (*done)(struct poller_job *job);
    void (*drop)(struct poller_job *job); /* NULL, or called by pollers_free instead of done() */
    struct poller *poller;                /* private from here */
    struct poller_job *next;
};

/* In the loop, ready gets each event of an engine; has gets the number of descriptors that all poller threads have, whenever that changes. NULL
 * with errno. */
struct pollers *pollers_new(struct loop *loop, void (*ready)(void *context, uint64_t token, unsigned events),
                            void (*has)(void *context, size_t n_fds), void *context);

/* Ends the threads and waits for them, two seconds at most: a thread that is blocked is abandoned with its job, whose memory must stay. All
 * other jobs are dropped. NULL is allowed. Returns whether a thread was abandoned. */
bool pollers_free(struct pollers *pollers);

/* The poller thread of the uid, with a reference; it ends with the last one. NULL with errno; EBUSY: there are POLLER_MOST threads. */
struct poller *poller_ref(struct pollers *pollers, os_uid uid);

/* The caller has disarmed everything that it armed in the engine. */
void poller_unref(struct poller *poller);

/* From the loop. The job belongs to the poller thread until done() or drop(). */
void poller_submit(struct poller *poller, struct poller_job *job);

/* Calls polls_set. Only from work() on that poller thread. */
int poller_poll(struct poller *poller, struct polled *polled, unsigned interest, bool edge);

/* Whether no job has been done for POLLER_PATIENCE_US while one is pending. */
bool poller_is_late(const struct poller *poller);

/* How many there are, and how many of them are late. */
size_t pollers_count(const struct pollers *pollers, size_t *late);

#endif
