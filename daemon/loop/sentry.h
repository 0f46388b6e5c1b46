/* sentry.h: threads that ask about descriptors which can hold up whoever asks.
 *
 * poll(2), epoll_ctl and epoll_wait run code of the descriptor that they ask about. For some kinds that code
 * takes a lock which another holder can keep for as long as he likes (inspect_is_guarded says which). Nobody
 * asks about those in the loop: each uid that has any gets a sentry, a thread with a readiness engine of its
 * own, which sleeps in that engine and does between sleeps what it is told. Whoever brings in a descriptor
 * that holds up its sentry holds up himself.
 *
 * Epoll descriptors are polled and not put into the engine (sentry_poll): to put one epoll into another takes a lock that is one for the
 * whole system, and that anybody can keep.
 *
 * work() runs on the sentry's thread, with its engine, and touches nothing of the broker but the job; done()
 * runs in the loop. The jobs of a sentry are done in their order, and what its engine tells of is told in
 * its place among them: an answer that was found before a job is told before that job's done(). */
#ifndef SENTRY_H
#define SENTRY_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SENTRY_MOST = 1024, /* users with a terminal: an idle one takes about 40 kB */
    SENTRY_FDS = 3,     /* of each */
    SENTRY_PATIENCE_US = 500000
};

struct engine;
struct loop;
struct polled;
struct sentry;
struct sentries;

struct sentry_job {
    void (*work)(struct sentry_job *job, struct engine *engine);
    void (*done)(struct sentry_job *job);
    void (*drop)(struct sentry_job *job); /* NULL, or called by sentries_free for one that is not done() */
    struct sentry *sentry;                /* private from here */
    struct sentry_job *next;
};

/* In the loop, ready is told of each token that an engine has told of, and closed how many of the process's
 * descriptors a sentry that has ended had. NULL with errno. */
struct sentries *sentries_new(struct loop *loop,
                              void (*ready)(void *context, uint64_t token, unsigned events),
                              void (*closed)(void *context, size_t n_fds), void *context);

/* Waits for the threads, for two seconds at most: one that is held up is left behind with its job, whose memory
 * must stay. All other jobs are dropped. NULL is allowed. Returns whether one was left behind. */
bool sentries_free(struct sentries *sentries);

/* The sentry of that uid, with a reference; it ends with the last one. NULL with errno, EBUSY when SENTRY_MOST
 * other uids have one each. *opened: how many descriptors were opened for it. */
struct sentry *sentry_ref(struct sentries *sentries, os_uid uid, size_t *opened);

/* Its engine has nothing of this reference in it any more. */
void sentry_unref(struct sentry *sentry);

void sentry_submit(struct sentry *sentry, struct sentry_job *job);

/* In a work() of that sentry: polls_set. */
int sentry_poll(struct sentry *sentry, struct polled *polled, unsigned interest, bool edge);

/* It has been at one thing for longer than SENTRY_PATIENCE_US while a job waits. */
bool sentry_is_late(const struct sentry *sentry);

/* How many there are, and how many of them are late. */
size_t sentries_count(const struct sentries *sentries, size_t *late);

#endif
