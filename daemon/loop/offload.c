/* offload.c: the threads of offload.h. lanes.h chooses the next job.
 *
 * The lock guards all members except where noted. A worker is interrupted under the lock, and only while its seat has the job, so never while
 * it waits for work. */
#include "offload.h"

#include "daemon/base/log.h"
#include "identity.h"
#include "lanes.h"
#include "loop.h"
#include "proto/container.h"
#include "thread.h"
#include "wakeup.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { FREE_ROUND_MS = 10, FREE_ROUNDS = 200 };

struct worker {
    struct offload *offload;
    struct thread thread;
    enum { WORKER_NONE, WORKER_ALIVE, WORKER_ENDED } state; /* ended: can be joined */
};

struct offload {
    struct loop *loop; /* the loop's thread alone uses this and the next four */
    struct loop_watch watch;
    struct loop_timer timer;
    size_t pending;
    struct offload_job *due; /* finished; done() is called in the next callbacks */
    struct wakeup wakeup;    /* wakes the loop */
    struct thread_lock lock;
    struct thread_queue queued;
    struct worker workers[OFFLOAD_THREADS]; /* a worker and its seat have the same index */
    struct lanes lanes;
    size_t alive;
    struct offload_job *finished, *finished_last;
    bool stopping;
    bool abandoned; /* offload_free has given up the jobs that still run */
};

static struct seat *seat_of(const struct worker *worker) {
    return &worker->offload->lanes.seats[worker - worker->offload->workers];
}

static struct worker *worker_of(struct offload *offload, const struct seat *seat) {
    return &offload->workers[seat - offload->lanes.seats];
}

static void worker_finish(struct worker *worker) {
    struct offload *offload = worker->offload;
    struct offload_job *job;

    if (offload->abandoned) {
        seat_of(worker)->job = NULL;
        return;
    }
    job = lanes_finish(&offload->lanes, seat_of(worker));
    if (offload->finished) {
        offload->finished_last->next = job;
    } else {
        offload->finished = job;
        wakeup_send(&offload->wakeup);
    }
    offload->finished_last = job;
}

static void work(struct offload_job *job) {
    job->unfit = job->identity ? identity_wear(job->identity) : 0;
    job->work(job);
}

static bool is_surplus(const struct offload *offload) {
    return offload->alive > OFFLOAD_WORKERS + offload->lanes.held;
}

static void worker_run(void *context) {
    struct worker *worker = context;
    struct offload *offload = worker->offload;

    identity_begin_thread();
    thread_lock_take(&offload->lock);
    while (!offload->stopping && (lanes_waiting(&offload->lanes) || !is_surplus(offload))) {
        if (!lanes_waiting(&offload->lanes)) {
            thread_queue_wait(&offload->queued, &offload->lock);
            continue;
        }
        lanes_take(&offload->lanes, seat_of(worker), os_now_us());
        thread_lock_give(&offload->lock);
        work(seat_of(worker)->job);
        thread_lock_take(&offload->lock);
        worker_finish(worker);
    }
    worker->state = WORKER_ENDED;
    offload->alive--;
    if (offload->stopping)
        wakeup_send(&offload->wakeup);
    thread_lock_give(&offload->lock);
}

/* False: no thread could be started. */
static bool worker_start(struct worker *worker) {
    int error;

    if (worker->state == WORKER_ENDED)
        thread_join(&worker->thread);
    worker->state = WORKER_NONE;
    error = thread_start(&worker->thread, worker_run, worker, true);
    if (error) {
        log_write_about(LOG_TOPIC_WORKER, LOG_NOBODY, LOG_LEVEL_WARNING, "cannot start a worker thread: %s",
                        os_error_text(-error));
        return false;
    }
    worker->state = WORKER_ALIVE;
    worker->offload->alive++;
    return true;
}

/* Starts or wakes a worker if a job may run. */
static void ensure_worker(struct offload *offload) {
    const struct lanes *lanes = &offload->lanes;
    size_t waiting = lanes_waiting(lanes);

    for (size_t i = 0; i < OFFLOAD_THREADS && waiting > offload->alive - lanes->busy; i++) {
        if (offload->alive >= OFFLOAD_WORKERS + lanes->held)
            break;
        if (offload->workers[i].state != WORKER_ALIVE && !worker_start(&offload->workers[i]))
            break; /* on_timer tries again */
    }
    if (waiting)
        thread_queue_wake_one(&offload->queued);
}

/* Interrupts the seat's job if it has run for long, and marks the seat. Returns when to check it again. */
static int64_t check_seat(struct offload *offload, struct seat *seat, int64_t now) {
    bool quick = seat->job->quick;
    int64_t ran = now - seat->started;

    if (ran >= (quick ? OFFLOAD_PATIENCE_US : OFFLOAD_STUCK_US))
        lanes_stick(&offload->lanes, seat);
    else if (ran >= OFFLOAD_SLOW_US && offload->lanes.heads)
        lanes_hold(&offload->lanes, seat);
    if (ran < OFFLOAD_PATIENCE_US)
        return seat->started + (seat->held || !offload->lanes.heads ? OFFLOAD_PATIENCE_US : OFFLOAD_SLOW_US);
    if (!seat->job->patient)
        thread_interrupt(&worker_of(offload, seat)->thread);
    return now + OFFLOAD_PATIENCE_US;
}

/* Checks all seats, again and again while jobs are pending. */
static void on_timer(struct loop_timer *timer) {
    struct offload *offload = CONTAINER_OF(timer, struct offload, timer);
    int64_t now = os_now_us(), next = now + OFFLOAD_PATIENCE_US;

    thread_lock_take(&offload->lock);
    for (size_t i = 0; i < offload->lanes.top; i++) {
        struct seat *seat = &offload->lanes.seats[i];
        int64_t due = seat->job ? check_seat(offload, seat, now) : next;
        if (due < next)
            next = due;
    }
    ensure_worker(offload);
    if (offload->alive && lanes_waiting(&offload->lanes) && next > now + OFFLOAD_SLOW_US)
        next = now + OFFLOAD_SLOW_US;
    thread_lock_give(&offload->lock);
    (void)loop_timer_set(offload->loop, timer, next);
}

/* Takes the finished jobs once those taken before are done. */
static void take_finished(struct offload *offload) {
    struct offload_job **end = &offload->due;

    if (*end)
        return; /* wake_if_finished sends the wakeup again when these are done */
    thread_lock_take(&offload->lock);
    *end = offload->finished;
    offload->finished = NULL;
    thread_lock_give(&offload->lock);
}

/* A worker sends no wakeup for a job that it finishes while others are finished and not taken. */
static void wake_if_finished(struct offload *offload) {
    thread_lock_take(&offload->lock);
    if (offload->finished)
        wakeup_send(&offload->wakeup);
    thread_lock_give(&offload->lock);
}

static void on_finished(struct loop_watch *watch, unsigned events) {
    struct offload *offload = CONTAINER_OF(watch, struct offload, watch);

    (void)events;
    wakeup_clear(&offload->wakeup);
    take_finished(offload);
    for (int i = 0; i < OFFLOAD_DONE_MOST && offload->due; i++) {
        struct offload_job *job = offload->due;
        offload->due = job->next; /* done() may free the job */
        offload->pending--;
        job->done(job);
    }
    if (offload->due)
        wakeup_send(&offload->wakeup); /* other callbacks run first */
    else
        wake_if_finished(offload);
    if (!offload->pending)
        loop_timer_clear(&offload->timer);
}

static void release(struct offload *offload) {
    loop_timer_free(&offload->timer);
    loop_unwatch(&offload->watch);
    wakeup_close(&offload->wakeup);
    thread_queue_deinit(&offload->queued);
    thread_lock_deinit(&offload->lock);
    free(offload);
}

struct offload *offload_new(struct loop *loop) {
    struct offload *offload = calloc(1, sizeof(*offload));
    int error;

    if (!offload)
        return NULL;
    offload->loop = loop;
    offload->timer.fn = on_timer;
    offload->watch.fn = on_finished;
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        offload->workers[i].offload = offload;
    thread_lock_init(&offload->lock);
    thread_queue_init(&offload->queued);
    error = wakeup_open(&offload->wakeup);
    if (error)
        goto fail;
    offload->watch.fd = offload->wakeup.readable;
    error = loop_watch(loop, &offload->watch, LOOP_READ);
    if (error)
        goto fail;
    error = loop_timer_prepare(loop, &offload->timer);
    if (error)
        goto fail;
    error = thread_interrupts_begin();
    if (error)
        goto fail;
    return offload;
fail:
    release(offload);
    errno = -error;
    return NULL;
}

/* Interrupts every running job once. Returns how many workers are left. */
static size_t stop_round(struct offload *offload) {
    size_t alive;

    thread_lock_take(&offload->lock);
    offload->stopping = true;
    thread_queue_wake_all(&offload->queued);
    for (size_t i = 0; i < offload->lanes.top; i++)
        if (offload->lanes.seats[i].job)
            thread_interrupt(&offload->workers[i].thread);
    alive = offload->alive;
    thread_lock_give(&offload->lock);
    return alive;
}

static void drop_chain(struct offload_job *job) {
    for (struct offload_job *next; job; job = next) {
        next = job->next;
        if (job->drop)
            job->drop(job);
    }
}

/* Drops all jobs that no worker runs. The workers take no more jobs. */
static void drop_all(struct offload *offload) {
    struct offload_job *head, *next;

    thread_lock_take(&offload->lock);
    offload->abandoned = true;
    for (head = offload->lanes.first; head; head = next) {
        next = head->next_uid;
        drop_chain(head);
    }
    for (size_t i = 0; i < offload->lanes.top; i++)
        drop_chain(offload->lanes.seats[i].chain);
    drop_chain(offload->due);
    drop_chain(offload->finished);
    thread_lock_give(&offload->lock);
}

/* Joins the threads that have ended, and detaches the others. */
static void threads_leave(struct offload *offload) {
    bool ended[OFFLOAD_THREADS];

    thread_lock_take(&offload->lock);
    for (size_t i = 0; i < OFFLOAD_THREADS; i++) {
        struct worker *worker = &offload->workers[i];
        ended[i] = worker->state == WORKER_ENDED;
        if (worker->state == WORKER_ALIVE)
            thread_leave(&worker->thread);
    }
    thread_lock_give(&offload->lock);
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        if (ended[i])
            thread_join(&offload->workers[i].thread);
}

bool offload_free(struct offload *offload) {
    size_t alive;

    if (!offload)
        return false;
    /* Interrupts are repeated, since one may arrive before the call that blocks. */
    for (int round = 0; (alive = stop_round(offload)) > 0 && round < FREE_ROUNDS; round++) {
        wakeup_wait(&offload->wakeup, FREE_ROUND_MS);
        wakeup_clear(&offload->wakeup);
    }
    drop_all(offload);
    threads_leave(offload);
    if (alive) {
        log_write(LOG_LEVEL_WARNING, "exiting with blocked calls that cannot be interrupted: %zu", alive);
        loop_timer_free(&offload->timer);
        loop_unwatch(&offload->watch);
        return true;
    }
    thread_interrupts_end();
    release(offload);
    return false;
}

void offload_submit(struct offload *offload, struct offload_job *job) {
    job->next = NULL;
    job->last = job;
    thread_lock_take(&offload->lock);
    lanes_put(&offload->lanes, job);
    ensure_worker(offload);
    thread_lock_give(&offload->lock);
    if (offload->pending++ == 0)
        (void)loop_timer_set(offload->loop, &offload->timer, os_now_us() + OFFLOAD_SLOW_US);
}

/* Whether a worker that is not stuck exists, or has been started now, or there is no room for another. */
static bool has_worker(struct offload *offload) {
    if (offload->alive > offload->lanes.stuck)
        return true;
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        if (offload->workers[i].state != WORKER_ALIVE)
            return worker_start(&offload->workers[i]);
    return true;
}

enum offload_answer offload_check(struct offload *offload, os_uid uid) {
    enum offload_answer answer = OFFLOAD_ACCEPTS;

    thread_lock_take(&offload->lock);
    if (lanes_are_scarce(&offload->lanes) && !lanes_seat_of(&offload->lanes, uid))
        answer = OFFLOAD_IS_SCARCE;
    else if (!has_worker(offload))
        answer = OFFLOAD_HAS_NO_THREAD;
    thread_lock_give(&offload->lock);
    return answer;
}

size_t offload_pending(const struct offload *offload) { return offload->pending; }

size_t offload_running(struct offload *offload, size_t *stuck) {
    size_t busy;

    thread_lock_take(&offload->lock);
    busy = offload->lanes.busy;
    *stuck = offload->lanes.stuck;
    thread_lock_give(&offload->lock);
    return busy;
}
