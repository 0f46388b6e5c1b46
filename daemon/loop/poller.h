/* poller.h: threads that ask about descriptors which can hold up whoever asks.
 *
 * poll(2), epoll_ctl and epoll_wait run code of the descriptor that they ask about. For some kinds that code
 * takes a lock which another holder can keep for as long as he likes (inspect_needs_thread says which). Nobody
 * asks about those in the loop: each uid that has any gets a poller thread, a thread with a readiness engine of its
 * own, which sleeps in that engine and does between sleeps what it is told. Whoever brings in a descriptor
 * that holds up its poller thread holds up himself.
 *
 * Epoll descriptors are polled and not put into the engine (poller_poll): to put one epoll into another takes a lock that is one for the
 * whole system, and that anybody can keep.
 *
 * work() runs on the poller thread's thread, with its engine, and touches nothing of the broker but the job; done()
 * runs in the loop. The jobs of a poller thread are done in their order, and what its engine tells of is told in
 * its place among them: an answer that was found before a job is told before that job's done(). */
#ifndef POLLER_H
#define POLLER_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    POLLER_MOST = 1024, /* users with a terminal: an idle one takes about 40 kB */
    POLLER_FDS = 3,     /* of each */
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
    void (*drop)(struct poller_job *job); /* NULL, or called by pollers_free for one that is not done() */
    struct poller *poller;                /* private from here */
    struct poller_job *next;
};

/* In the loop, ready is told of each token that an engine has told of, and closed how many of the process's
 * descriptors a poller thread that has ended had. NULL with errno. */
struct pollers *pollers_new(struct loop *loop, void (*ready)(void *context, uint64_t token, unsigned events),
                            void (*closed)(void *context, size_t n_fds), void *context);

/* Waits for the threads, for two seconds at most: one that is held up is left behind with its job, whose memory
 * must stay. All other jobs are dropped. NULL is allowed. Returns whether one was left behind. */
bool pollers_free(struct pollers *pollers);

/* The poller thread of that uid, with a reference; it ends with the last one. NULL with errno, EBUSY when POLLER_MOST
 * other uids have one each. *opened: how many descriptors were opened for it. */
struct poller *poller_ref(struct pollers *pollers, os_uid uid, size_t *opened);

/* Its engine has nothing of this reference in it any more. */
void poller_unref(struct poller *poller);

void poller_submit(struct poller *poller, struct poller_job *job);

/* In a work() of that poller thread: polls_set. */
int poller_poll(struct poller *poller, struct polled *polled, unsigned interest, bool edge);

/* It has been at one thing for longer than POLLER_PATIENCE_US while a job waits. */
bool poller_is_late(const struct poller *poller);

/* How many there are, and how many of them are late. */
size_t pollers_count(const struct pollers *pollers, size_t *late);

#endif
