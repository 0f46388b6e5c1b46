/* offload_unix.c: offload.h with POSIX threads. lanes.h says which job is next.
 *
 * The mutex guards everything but what says otherwise. The signal that interrupts a job is sent with the
 * mutex held and only while the worker's seat has a job: it never reaches a worker that has gone on to wait for
 * work. */
#define _GNU_SOURCE

#include "offload.h"

#include "bell.h"
#include "daemon/base/log.h"
#include "lanes.h"

#include "proto/container.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INTERRUPT = SIGUSR2, STACK_SIZE = 128 * 1024, FREE_ROUND_MS = 10, FREE_ROUNDS = 200 };

struct worker {
    struct offload *offload;
    pthread_t thread;
    enum { WORKER_NONE, WORKER_ALIVE, WORKER_ENDED } state; /* ended: can be joined */
};

struct offload {
    struct loop *loop; /* of the loop's thread alone, as the next five */
    struct loop_watch watch;
    struct loop_timer timer;
    size_t pending;
    struct offload_job *due; /* to be done in the next callbacks */
    struct sigaction action_before;
    sigset_t mask_before;
    struct bell bell; /* tells the loop */
    pthread_mutex_t mutex;
    pthread_cond_t queued;
    struct worker workers[OFFLOAD_THREADS]; /* each has the seat of its number */
    struct lanes lanes;
    size_t alive;
    struct offload_job *finished, *finished_last;
    bool stopping;
    bool abandoned; /* what still runs is nobody's any more */
};

static void on_interrupt(int number) { (void)number; } /* being delivered is all it is for */

/* It is for workers: the loop's thread is not to be held up by whoever may send it. */
static void interrupt_mask(int how, sigset_t *before) {
    sigset_t one;

    (void)sigemptyset(&one);
    (void)sigaddset(&one, INTERRUPT);
    (void)pthread_sigmask(how, &one, before);
}

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
        bell_ring(&offload->bell);
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

static void *worker_run(void *context) {
    struct worker *worker = context;
    struct offload *offload = worker->offload;

    identity_begin_thread();
    (void)pthread_mutex_lock(&offload->mutex);
    while (!offload->stopping && (lanes_waiting(&offload->lanes) || !is_surplus(offload))) {
        if (!lanes_waiting(&offload->lanes)) {
            (void)pthread_cond_wait(&offload->queued, &offload->mutex);
            continue;
        }
        lanes_take(&offload->lanes, seat_of(worker), os_now_us());
        (void)pthread_mutex_unlock(&offload->mutex);
        work(seat_of(worker)->job);
        (void)pthread_mutex_lock(&offload->mutex);
        worker_finish(worker);
    }
    worker->state = WORKER_ENDED;
    offload->alive--;
    if (offload->stopping)
        bell_ring(&offload->bell);
    (void)pthread_mutex_unlock(&offload->mutex);
    return NULL;
}

/* All signals but the interrupt belong to the loop's thread. Returns false when no thread can be had. */
static bool worker_start(struct worker *worker) {
    pthread_attr_t attributes;
    sigset_t blocked, before;
    int error;

    if (worker->state == WORKER_ENDED)
        (void)pthread_join(worker->thread, NULL);
    worker->state = WORKER_NONE;
    if (pthread_attr_init(&attributes))
        return false;
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    (void)sigfillset(&blocked);
    (void)sigdelset(&blocked, INTERRUPT);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    error = pthread_create(&worker->thread, &attributes, worker_run, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (error) {
        log_write_about(LOG_TOPIC_WORKER, LOG_NOBODY, LOG_LEVEL_WARNING, "cannot start a worker: %s",
                        strerror(error));
        return false;
    }
    worker->state = WORKER_ALIVE;
    worker->offload->alive++;
    return true;
}

/* Sees to it that somebody takes what is in the queue. */
static void attend(struct offload *offload) {
    const struct lanes *lanes = &offload->lanes;
    size_t waiting = lanes_waiting(lanes);

    for (size_t i = 0; i < OFFLOAD_THREADS && waiting > offload->alive - lanes->busy; i++) {
        if (offload->alive >= OFFLOAD_WORKERS + lanes->held)
            break;
        if (offload->workers[i].state != WORKER_ALIVE && !worker_start(&offload->workers[i]))
            break; /* tried again by the timer */
    }
    if (waiting)
        (void)pthread_cond_signal(&offload->queued);
}

/* When to look at that seat again. */
static int64_t look_at(struct offload *offload, struct seat *seat, int64_t now) {
    bool quick = seat->job->quick;
    int64_t ran = now - seat->started;

    if (ran >= (quick ? OFFLOAD_PATIENCE_US : OFFLOAD_STUCK_US))
        lanes_stick(&offload->lanes, seat);
    else if (ran >= OFFLOAD_SLOW_US && offload->lanes.heads)
        lanes_hold(&offload->lanes, seat);
    if (ran < OFFLOAD_PATIENCE_US)
        return seat->started + (seat->held || !offload->lanes.heads ? OFFLOAD_PATIENCE_US : OFFLOAD_SLOW_US);
    (void)pthread_kill(worker_of(offload, seat)->thread, INTERRUPT);
    return now + OFFLOAD_PATIENCE_US;
}

/* Interrupts what has run for long, and comes again as long as anything is pending. */
static void on_timer(struct loop_timer *timer) {
    struct offload *offload = CONTAINER_OF(timer, struct offload, timer);
    int64_t now = os_now_us(), next = now + OFFLOAD_PATIENCE_US;

    (void)pthread_mutex_lock(&offload->mutex);
    for (size_t i = 0; i < offload->lanes.top; i++) {
        struct seat *seat = &offload->lanes.seats[i];
        int64_t due = seat->job ? look_at(offload, seat, now) : next;
        if (due < next)
            next = due;
    }
    attend(offload);
    if (lanes_waiting(&offload->lanes) && next > now + OFFLOAD_SLOW_US)
        next = now + OFFLOAD_SLOW_US;
    (void)pthread_mutex_unlock(&offload->mutex);
    (void)loop_timer_set(offload->loop, timer, next);
}

/* What has come since goes behind what is due. */
static void take_finished(struct offload *offload) {
    struct offload_job **end = &offload->due;

    if (*end)
        return; /* the bell is rung again when these are done */
    (void)pthread_mutex_lock(&offload->mutex);
    *end = offload->finished;
    offload->finished = NULL;
    (void)pthread_mutex_unlock(&offload->mutex);
}

/* Whoever finished a job while others were due did not ring for it. */
static void ring_if_finished(struct offload *offload) {
    (void)pthread_mutex_lock(&offload->mutex);
    if (offload->finished)
        bell_ring(&offload->bell);
    (void)pthread_mutex_unlock(&offload->mutex);
}

static void on_finished(struct loop_watch *watch, unsigned events) {
    struct offload *offload = CONTAINER_OF(watch, struct offload, watch);

    (void)events;
    bell_silence(&offload->bell);
    take_finished(offload);
    for (int i = 0; i < OFFLOAD_DONE_MOST && offload->due; i++) {
        struct offload_job *job = offload->due;
        offload->due = job->next; /* the job is its owner's again once it is done */
        offload->pending--;
        job->done(job);
    }
    if (offload->due)
        bell_ring(&offload->bell); /* others have their turn before */
    else
        ring_if_finished(offload);
    if (!offload->pending)
        loop_timer_clear(&offload->timer);
}

static void release(struct offload *offload) {
    loop_timer_free(&offload->timer);
    loop_unwatch(&offload->watch);
    bell_close(&offload->bell);
    (void)pthread_cond_destroy(&offload->queued);
    (void)pthread_mutex_destroy(&offload->mutex);
    free(offload);
}

struct offload *offload_new(struct loop *loop) {
    struct offload *offload = calloc(1, sizeof(*offload));
    struct sigaction action = {.sa_handler = on_interrupt};
    int error;

    if (!offload)
        return NULL;
    offload->loop = loop;
    offload->timer.fn = on_timer;
    offload->watch.fn = on_finished;
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        offload->workers[i].offload = offload;
    (void)pthread_mutex_init(&offload->mutex, NULL); /* without attributes these two have no way to fail */
    (void)pthread_cond_init(&offload->queued, NULL);
    error = bell_open(&offload->bell);
    if (error)
        goto fail;
    offload->watch.fd = offload->bell.readable;
    error = loop_watch(loop, &offload->watch, LOOP_READ);
    if (error)
        goto fail;
    error = loop_timer_prepare(loop, &offload->timer);
    if (error)
        goto fail;
    (void)sigemptyset(&action.sa_mask);
    if (sigaction(INTERRUPT, &action, &offload->action_before) < 0) {
        error = -errno;
        goto fail;
    }
    interrupt_mask(SIG_BLOCK, &offload->mask_before);
    return offload;
fail:
    release(offload);
    errno = -error;
    return NULL;
}

/* Interrupts every job again; how many workers are left. */
static size_t stop_round(struct offload *offload) {
    size_t alive;

    (void)pthread_mutex_lock(&offload->mutex);
    offload->stopping = true;
    (void)pthread_cond_broadcast(&offload->queued);
    for (size_t i = 0; i < offload->lanes.top; i++)
        if (offload->lanes.seats[i].job)
            (void)pthread_kill(offload->workers[i].thread, INTERRUPT);
    alive = offload->alive;
    (void)pthread_mutex_unlock(&offload->mutex);
    return alive;
}

static void drop_chain(struct offload_job *job) {
    for (struct offload_job *next; job; job = next) {
        next = job->next;
        if (job->drop)
            job->drop(job);
    }
}

/* All that nobody will be told of any more. No worker takes anything any more. */
static void drop_all(struct offload *offload) {
    struct offload_job *head, *next;

    (void)pthread_mutex_lock(&offload->mutex);
    offload->abandoned = true;
    for (head = offload->lanes.first; head; head = next) {
        next = head->next_uid;
        drop_chain(head);
    }
    for (size_t i = 0; i < offload->lanes.top; i++)
        drop_chain(offload->lanes.seats[i].chain);
    drop_chain(offload->due);
    drop_chain(offload->finished);
    (void)pthread_mutex_unlock(&offload->mutex);
}

/* Those that have ended are waited for; nobody will wait for those that are left behind. */
static void threads_leave(struct offload *offload) {
    bool ended[OFFLOAD_THREADS];

    (void)pthread_mutex_lock(&offload->mutex);
    for (size_t i = 0; i < OFFLOAD_THREADS; i++) {
        const struct worker *worker = &offload->workers[i];
        ended[i] = worker->state == WORKER_ENDED;
        if (worker->state == WORKER_ALIVE)
            (void)pthread_detach(worker->thread);
    }
    (void)pthread_mutex_unlock(&offload->mutex);
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        if (ended[i])
            (void)pthread_join(offload->workers[i].thread, NULL);
}

bool offload_free(struct offload *offload) {
    size_t alive;

    if (!offload)
        return false;
    /* Signals are repeated: one may come between taking the job and the call that blocks. */
    for (int round = 0; (alive = stop_round(offload)) > 0 && round < FREE_ROUNDS; round++) {
        (void)poll(&(struct pollfd){.fd = offload->bell.readable, .events = POLLIN}, 1, FREE_ROUND_MS);
        bell_silence(&offload->bell);
    }
    drop_all(offload);
    threads_leave(offload);
    if (alive) {
        log_write(LOG_LEVEL_WARNING, "calls that cannot be interrupted are left behind: %zu", alive);
        loop_timer_free(&offload->timer);
        loop_unwatch(&offload->watch);
        return true;
    }
    (void)sigaction(INTERRUPT, &offload->action_before, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &offload->mask_before, NULL);
    release(offload);
    return false;
}

void offload_submit(struct offload *offload, struct offload_job *job) {
    job->next = NULL;
    job->last = job;
    (void)pthread_mutex_lock(&offload->mutex);
    lanes_put(&offload->lanes, job);
    attend(offload);
    (void)pthread_mutex_unlock(&offload->mutex);
    if (offload->pending++ == 0)
        (void)loop_timer_set(offload->loop, &offload->timer, os_now_us() + OFFLOAD_SLOW_US);
}

bool offload_accepts(struct offload *offload, os_uid uid) {
    bool accepts;

    (void)pthread_mutex_lock(&offload->mutex);
    accepts = !lanes_are_scarce(&offload->lanes) || lanes_seat_of(&offload->lanes, uid);
    (void)pthread_mutex_unlock(&offload->mutex);
    return accepts;
}

size_t offload_pending(const struct offload *offload) { return offload->pending; }

size_t offload_running(struct offload *offload, size_t *stuck) {
    size_t busy;

    (void)pthread_mutex_lock(&offload->mutex);
    busy = offload->lanes.busy;
    *stuck = offload->lanes.stuck;
    (void)pthread_mutex_unlock(&offload->mutex);
    return busy;
}
