/* closer.c: a record for each descriptor that is being closed.
 *
 * A number that close(2) frees could be reused while close still blocks, so it must not be freed early. So the worker closes the open file
 * behind the number, and the loop frees the number (placeholder.h).
 *
 * Records are allocated for as many descriptors as the process may have; those never used are not touched. Each record has a job of its own,
 * also on a discard queue. The first job of a queue to run takes other records off the queue and closes them with its own; their jobs then
 * do nothing. A record that was taken is complete when both jobs have come back: its own, and the one that took it. */
#include "closer.h"

#include "bin.h"
#include "daemon/base/discard_queue.h"
#include "daemon/base/ring.h"
#include "loop.h"
#include "offload.h"
#include "placeholder.h"
#include "proto/container.h"
#include "thread.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct record {
    struct offload_job job;
    struct closer *closer; /* NULL: it is free */
    os_fd fd;
    void (*done)(void *context);
    void *context;
    struct discard_queue *discard_queue; /* NULL: none */
    struct ring node;                    /* in the discard queue; guarded by the lock, as the next two */
    bool taken;                          /* off the discard queue, by the job of another record */
    bool skipped;                        /* its own job has found it taken */
    bool closed;                         /* by the job that took it */
    bool returned;                       /* its own job has come back; the loop's alone */
    struct record *next; /* of the same batch, of the free list, or of those that wait for others */
};

struct closer {
    struct loop *loop;
    struct offload *offload;
    struct placeholder placeholder;
    size_t limit;
    size_t pending;
    bool stopped;
    struct record *later, **later_end; /* discarded, and not submitted yet */
    size_t n_later;
    struct loop_timer timer; /* submits them */
    bool timed;
    struct thread_lock lock; /* guards the discard queues and n_bins */
    size_t n_bins;
    struct record *records; /* only the first `touched` were ever used */
    size_t touched;
    struct record *free;
};

static void on_timer(struct loop_timer *timer);

struct closer *closer_new(struct loop *loop, struct offload *offload, size_t limit) {
    struct closer *closer = malloc(sizeof(*closer));
    int error;

    if (!closer)
        return NULL;
    *closer = (struct closer){.loop = loop, .offload = offload, .limit = limit, .timer = {.fn = on_timer}};
    closer->later_end = &closer->later;
    thread_lock_init(&closer->lock);
    error = -placeholder_open(&closer->placeholder);
    if (!error)
        error = -loop_timer_prepare(loop, &closer->timer);
    if (error)
        goto fail;
    closer->records = calloc(limit, sizeof(*closer->records));
    if (closer->records)
        return closer;
    error = ENOMEM;
fail:
    closer_free(closer);
    errno = error;
    return NULL;
}

/* Calls done() of descriptors that will not be closed, so that the owners can free their memory. */
static void records_abandon(struct closer *closer) {
    for (size_t i = 0; i < closer->touched && closer->pending; i++) {
        struct record *record = &closer->records[i];

        if (!record->closer)
            continue;
        record->closer = NULL;
        closer->pending--;
        if (ring_has(&record->node))
            ring_remove(&record->node);
        if (record->done)
            record->done(record->context);
    }
}

void closer_free(struct closer *closer) {
    if (!closer)
        return;
    if (closer->records)
        records_abandon(closer);
    loop_timer_free(&closer->timer);
    placeholder_close(&closer->placeholder);
    thread_lock_deinit(&closer->lock);
    free(closer->records);
    free(closer);
}

static struct record *record_take(struct closer *closer) {
    struct record *record = closer->free;

    if (record) {
        closer->free = record->next;
        return record;
    }
    assert(closer->touched < closer->limit);
    return &closer->records[closer->touched++];
}

/* On a worker. */
static void work(struct offload_job *job) {
    const struct record *record = (const struct record *)job;

    placeholder_put(&record->closer->placeholder, record->fd);
}

static void complete(struct record *record) {
    struct record was = *record;

    placeholder_drop(was.fd);
    record->closer = NULL;
    record->next = was.closer->free;
    was.closer->free = record;
    was.closer->pending--;
    if (was.done)
        was.done(was.context);
}

static void on_worked(struct offload_job *job) { complete((struct record *)job); }

/* ---- discard queues: on a worker ------------------------------------------------------------------------------------------ */

/* The lock is held. */
static void take_others(struct record *record) {
    struct closer *closer = record->closer;
    struct discard_queue *discard_queue = record->discard_queue;
    size_t most = closer->limit / 8 < CLOSER_BIN_MOST ? closer->limit / 8 : CLOSER_BIN_MOST;
    struct ring *node;

    if (discard_queue->busy || closer->n_bins == CLOSER_BINS || ring_is_empty(&discard_queue->records))
        return;
    discard_queue->busy = true;
    closer->n_bins++;
    for (size_t n = 1; n < most && (node = ring_first(&discard_queue->records)); n++) {
        struct record *other = CONTAINER_OF(node, struct record, node);
        ring_remove(node);
        other->taken = true;
        other->next = record->next;
        record->next = other;
    }
}

/* Takes the record off its discard queue, with others if a bin is available. False: another job has taken it. */
static bool take(struct record *record) {
    struct closer *closer = record->closer;

    thread_lock_take(&closer->lock);
    record->skipped = record->taken;
    if (ring_has(&record->node))
        ring_remove(&record->node);
    if (!record->skipped)
        take_others(record);
    thread_lock_give(&closer->lock);
    return !record->skipped;
}

/* The records are in the bin, so closing their numbers does not block. */
static void close_numbers(struct record *const *records, size_t n) {
    for (size_t i = 0; i < n; i++) {
        work(&records[i]->job);
        records[i]->closed = true;
    }
}

/* Leaves out records whose descriptors cannot be passed. */
static void put(struct bin *bin, struct record *const *records, size_t n) {
    os_fd fds[BIN_MESSAGE];

    for (size_t i = 0; i < n; i++)
        fds[i] = records[i]->fd;
    if (bin_put(bin, fds, n)) {
        close_numbers(records, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (bin_put(bin, &fds[i], 1))
            close_numbers(&records[i], 1);
}

/* Does not touch the closer after the call that may block: this thread may be abandoned there, and the closer freed. */
static void work_together(struct record *first) {
    struct record *some[BIN_MESSAGE];
    struct bin bin;
    size_t n = 0;

    if (bin_open(&bin)) {
        first->closed = true;
        work(&first->job);
        return;
    }
    for (struct record *record = first; record; record = record->next) {
        some[n++] = record;
        if (n == BIN_MESSAGE || !record->next) {
            put(&bin, some, n);
            n = 0;
        }
    }
    bin_close(&bin);
}

static void work_discard(struct offload_job *job) {
    struct record *record = (struct record *)job;

    if (!take(record))
        return;
    if (record->next)
        work_together(record);
    else
        work(job);
}

/* ---- discard queues: in the loop ------------------------------------------------------------------------------------------ */

/* For a record that could not be closed in a batch. */
static void close_alone(struct record *record) {
    record->job.work = work;
    record->job.done = on_worked;
    offload_submit(record->closer->offload, &record->job);
}

static void give_back(struct record *first) {
    struct closer *closer = first->closer;

    thread_lock_take(&closer->lock);
    first->discard_queue->busy = false;
    closer->n_bins--;
    thread_lock_give(&closer->lock);
    first->next = NULL;
}

/* The job that took the record is back; the record's own job may still be pending. */
static void batch_is_back(struct record *record) {
    struct closer *closer = record->closer;

    record->next = NULL;
    thread_lock_take(&closer->lock);
    record->taken = false;
    thread_lock_give(&closer->lock);
    if (!record->returned)
        return;
    if (record->closed)
        complete(record);
    else
        close_alone(record);
}

static void on_discarded(struct offload_job *job) {
    struct record *record = (struct record *)job, *other = record->next;

    if (record->skipped && record->taken) { /* the job that took it is not back */
        record->returned = true;
        return;
    }
    if (record->skipped && !record->closed) {
        close_alone(record);
        return;
    }
    if (!other) {
        complete(record);
        return;
    }
    give_back(record);
    if (record->closed)
        complete(record);
    else
        close_alone(record);
    while ((record = other)) {
        other = record->next;
        batch_is_back(record);
    }
}

static void submit_discarded(struct record *record) {
    struct closer *closer = record->closer;

    if (bin_takes(record->fd)) {
        thread_lock_take(&closer->lock);
        ring_add(&record->discard_queue->records, &record->node);
        thread_lock_give(&closer->lock);
    } else {
        record->job.work = work;
        record->job.done = on_worked;
    }
    offload_submit(closer->offload, &record->job);
}

void closer_hurry(struct closer *closer) {
    struct record *record = closer->later, *next;

    closer->later = NULL;
    closer->later_end = &closer->later;
    closer->n_later = 0;
    for (; record; record = next) {
        next = record->next;
        record->next = NULL;
        submit_discarded(record);
    }
}

static void on_timer(struct loop_timer *timer) {
    struct closer *closer = CONTAINER_OF(timer, struct closer, timer);

    closer->timed = false;
    closer_hurry(closer);
}

/* A timer that is set stays: to set it for each group would cost system calls. */
static void submit_with_others(struct record *record) {
    struct closer *closer = record->closer;

    *closer->later_end = record;
    closer->later_end = &record->next;
    if (++closer->n_later == CLOSER_LATER_MOST)
        closer_hurry(closer);
    else if (!closer->timed)
        closer->timed = !loop_timer_set(closer->loop, &closer->timer, os_now_us() + CLOSER_LATER_US);
}

void closer_discard(struct closer *closer, struct discard_queue *discard_queue, os_fd fd, os_uid uid,
                    void (*done)(void *context), void *context) {
    if (closer->stopped) {
        if (done)
            done(context);
        return;
    }
    struct record *record = record_take(closer);

    *record = (struct record){.job = {.work = work_discard, .done = on_discarded, .uid = uid},
                              .closer = closer,
                              .fd = fd,
                              .done = done,
                              .context = context,
                              .discard_queue = discard_queue};
    closer->pending++;
    submit_with_others(record);
}

void closer_close(struct closer *closer, os_fd fd, os_uid uid, void (*done)(void *context), void *context) {
    if (closer->stopped) {
        if (done)
            done(context);
        return;
    }
    closer_hurry(closer);
    struct record *record = record_take(closer);

    *record = (struct record){.job = {.work = work, .done = on_worked, .uid = uid},
                              .closer = closer,
                              .fd = fd,
                              .done = done,
                              .context = context};
    closer->pending++;
    offload_submit(closer->offload, &record->job);
}

void closer_stop(struct closer *closer) {
    closer_hurry(closer);
    closer->stopped = true;
}

bool closer_waits(struct closer *closer, os_uid uid) {
    return !closer->stopped && offload_check(closer->offload, uid) == OFFLOAD_HAS_NO_THREAD;
}

size_t closer_pending(const struct closer *closer) { return closer->pending; }
