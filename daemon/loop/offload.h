/* offload.h: a few threads for calls that may block on a descriptor of somebody else.
 *
 * A job belongs to a uid, and is quick (it moves bytes that are there, and waits for locks at most) or not (it
 * waits for a peer or a disk). Of each of the two a uid has at most one job running, whatever it has waiting;
 * they run in their order, and uids take turns; no uid has a second one running while another waits for its first. So one that hands in
 * descriptors whose calls block holds up itself and no other, and its closes do not hold up its bytes.
 * work() runs on a worker and touches nothing of the broker but the job; done() runs in the loop, of at most OFFLOAD_DONE_MOST jobs
 * before others have their turn. A
 * job that runs longer than OFFLOAD_PATIENCE_US is interrupted, again and again until
 * it ends: blocking calls in it return EINTR. A few calls cannot be interrupted, those that wait for a FUSE
 * server or for a lock that somebody keeps by waiting for one.
 *
 * A job that has run for OFFLOAD_SLOW_US while others wait no longer counts as one of the OFFLOAD_WORKERS, and another thread takes its
 * place, up to OFFLOAD_THREADS. After OFFLOAD_STUCK_US (a quick one: OFFLOAD_PATIENCE_US) it is stuck, and its uid's other jobs no longer
 * wait for it either, until OFFLOAD_STUCK_MOST of them are stuck (one, when many of others are): so whoever is at
 * the other end of one descriptor does not hold up its owner's other ones. Near the limit of threads no job with an identity is begun,
 * and new ones are to be refused (offload_accepts); what is left is for closes of those who hold up nothing. */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OFFLOAD_WORKERS = 4,
    OFFLOAD_THREADS =
        256, /* a sleeping one takes about 40 kB: more than this are worth less than what they cost */
    OFFLOAD_DONE_MOST = 64,
    OFFLOAD_SLOW_US = 10000,
    OFFLOAD_STUCK_MOST = 4, /* of one uid, quick or not */
    OFFLOAD_PATIENCE_US = 100000,
    OFFLOAD_STUCK_US = 1000000
};

struct identity;
struct loop;
struct offload;

struct offload_job {
    void (*work)(struct offload_job *job);
    void (*done)(struct offload_job *job);
    void (*drop)(struct offload_job *job); /* NULL, or called by offload_free for one that is not done() */
    os_uid uid;
    bool quick;
    /* For whom it is done, NULL: the broker. Worn by the worker, and must stay until done() or drop(). If it cannot be worn, `unfit` is
     * a negative errno, and work() must do nothing for the client. */
    const struct identity *identity;
    int unfit;
    struct offload_job *next; /* private from here */
    struct offload_job *last;
    struct offload_job *next_uid;
};

/* NULL with errno. Workers are started by the first jobs, not here. */
struct offload *offload_new(struct loop *loop);

/* Interrupts what runs and waits for it, but for two seconds at most: a job that is stuck is left behind with
 * its thread until the process ends, and its memory must stay. Then drops all others, whether they have run or
 * not. NULL is allowed. Returns whether one was left behind. */
bool offload_free(struct offload *offload);

void offload_submit(struct offload *offload, struct offload_job *job);

/* Whether a new job with an identity would be begun. False: calls of others hold up so many threads that there is none for a uid that has
 * none. */
bool offload_accepts(struct offload *offload, os_uid uid);

/* Jobs submitted and not done; those of them that a worker has in hand, and how many of these are stuck. */
size_t offload_pending(const struct offload *offload);
size_t offload_running(struct offload *offload, size_t *stuck);

#endif
