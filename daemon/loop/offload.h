/* offload.h: worker threads for system calls that may block on a foreign descriptor.
 *
 * A job belongs to a uid, and is quick (it moves bytes that are available, and waits at most for locks) or slow (it waits for a peer or a
 * disk). Per uid at most one quick and one slow job run; others wait, in their order. Uids take turns, and none gets a second worker while
 * another waits for its first. So a uid whose calls block delays only itself, and its closes do not delay its reads and writes.
 *
 * work() runs on a worker and touches nothing of the broker but the job; done() runs in the loop, for at most OFFLOAD_DONE_MOST jobs between
 * other callbacks. A job that runs longer than OFFLOAD_PATIENCE_US is interrupted, repeatedly until it ends: its blocking calls fail with
 * EINTR. Calls that wait for a FUSE server, or for a lock whose owner waits for one, cannot be interrupted.
 *
 * A job that has run for OFFLOAD_SLOW_US while others wait no longer counts as one of the OFFLOAD_WORKERS, and another thread replaces it, up
 * to OFFLOAD_THREADS. After OFFLOAD_STUCK_US (a quick job: OFFLOAD_PATIENCE_US) it is stuck, and other jobs of its uid no longer wait for
 * it, until OFFLOAD_STUCK_MOST of them are stuck (one, if many jobs of all uids are): so the peer of one descriptor does not block its
 * owner's other descriptors. Near the limit of threads no job with an identity is started, and new ones must be refused (offload_check):
 * the last threads are for closes of uids with no running job. */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    OFFLOAD_WORKERS = 4,
    OFFLOAD_THREADS = 256, /* a sleeping thread takes about 40 kB: more are not worth it */
    OFFLOAD_DONE_MOST = 64,
    OFFLOAD_SLOW_US = 10000,
    OFFLOAD_STUCK_MOST = 4, /* per uid, of quick and of slow jobs each */
    OFFLOAD_PATIENCE_US = 100000,
    OFFLOAD_STUCK_US = 1000000
};

struct identity;
struct loop;
struct offload;

struct offload_job {
    void (*work)(struct offload_job *job);
    void (*done)(struct offload_job *job);
    void (*drop)(struct offload_job *job); /* NULL, or called by offload_free instead of done() */
    os_uid uid;
    bool quick;
    /* The client, or NULL: the broker itself. The worker wears it; must stay valid until done() or drop(). If the worker cannot wear it,
     * `unfit` is a negative errno, and work() must do nothing for the client. */
    const struct identity *identity;
    int unfit;
    bool
        patient; /* it is not interrupted while it runs, but by offload_free: what it asks is not asked again */
    struct offload_job *next; /* private from here */
    struct offload_job *last;
    struct offload_job *next_uid;
};

/* NULL with errno. Starts no worker: the first jobs do. */
struct offload *offload_new(struct loop *loop);

/* Interrupts running jobs and waits for them, two seconds at most: a stuck job and its thread are abandoned until the process ends, so the
 * job's memory must stay. Then drops all other jobs, run or not. NULL is allowed. Returns whether a job was abandoned. */
bool offload_free(struct offload *offload);

/* From the loop. The job belongs to the offload until done() or drop(). */
void offload_submit(struct offload *offload, struct offload_job *job);

/* Whether a new job of the uid that can be refused should be submitted; may start a thread for it. Not if threads are scarce and the uid has no running job, nor if
 * every worker is stuck, or there is none, and no other can be started. Workers that are not stuck stay, OFFLOAD_WORKERS of them. */
enum offload_answer { OFFLOAD_ACCEPTS, OFFLOAD_IS_SCARCE, OFFLOAD_HAS_NO_THREAD };
enum offload_answer offload_check(struct offload *offload, os_uid uid);

/* How many jobs were submitted and are not done; how many run, and how many of these are stuck. */
size_t offload_pending(const struct offload *offload);
size_t offload_running(struct offload *offload, size_t *stuck);

#endif
