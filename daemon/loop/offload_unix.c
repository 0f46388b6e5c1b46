/* offload_unix.c: offload.h with POSIX threads.
 *
 * A lane is what has one job running at a time: the quick ones of a uid, or its others. Waiting jobs are
 * chained behind the first one of their lane, the head. Heads of lanes that have nothing
 * running stand in the queue; the chain of a lane that has a job running is kept by its worker, which puts it
 * at the queue's end afterwards, or by the loop when the job is stuck. So taking the next job looks at one
 * head, however many jobs wait behind it. All links are in the jobs.
 *
 * The mutex guards everything but what says otherwise. The signal that interrupts a job is sent with the
 * mutex held and only while worker->job is set: it never reaches a worker that has gone on to wait for
 * work. */
#define _GNU_SOURCE

#include "offload.h"

#include "bell.h"
#include "daemon/base/log.h"

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
    struct offload_job *job;                                /* running, or NULL */
    struct offload_job *chain;                              /* waiting jobs of its lane, or NULL */
    uint64_t lane;
    int64_t started;
    bool stuck;
};

struct offload {
    struct loop *loop; /* of the loop's thread alone, as the next four */
    struct loop_watch watch;
    struct loop_timer timer;
    size_t pending;
    struct sigaction action_before;
    sigset_t mask_before;
    struct bell bell; /* tells the loop */
    pthread_mutex_t mutex;
    pthread_cond_t queued;
    struct worker workers[OFFLOAD_THREADS];
    size_t alive, busy, stuck;
    struct offload_job *first, *last; /* the queue of heads */
    size_t heads;
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

static void queue_add(struct offload *offload, struct offload_job *head) {
    head->next_uid = NULL;
    if (offload->first)
        offload->last->next_uid = head;
    else
        offload->first = head;
    offload->last = head;
    offload->heads++;
}

static void chain_join(struct offload_job *head, struct offload_job *chain) {
    head->last->next = chain;
    head->last = chain->last;
}

static uint64_t lane_of(const struct offload_job *job) { return (uint64_t)job->uid << 1 | job->quick; }

static bool is_quick(uint64_t lane) { return lane & 1; }

/* The worker behind whose job others of that lane have to wait, or NULL. */
static struct worker *worker_of(struct offload *offload, uint64_t lane) {
    struct worker *stuck = NULL;
    size_t n_stuck = 0;

    for (size_t i = 0; i < OFFLOAD_THREADS; i++) {
        struct worker *worker = &offload->workers[i];
        if (!worker->job || worker->lane != lane)
            continue;
        if (!worker->stuck)
            return worker;
        stuck = worker;
        n_stuck++;
    }
    return n_stuck < OFFLOAD_STUCK_MOST ? NULL : stuck;
}

/* One job or a chain of them, behind those of the same lane. */
static void enqueue(struct offload *offload, struct offload_job *chain) {
    struct worker *worker = worker_of(offload, lane_of(chain));

    if (worker && worker->chain) {
        chain_join(worker->chain, chain);
        return;
    }
    if (worker) {
        worker->chain = chain;
        return;
    }
    for (struct offload_job *head = offload->first; head; head = head->next_uid) {
        if (lane_of(head) != lane_of(chain))
            continue;
        chain_join(head, chain);
        return;
    }
    queue_add(offload, chain);
}

/* What waited behind a job that is stuck, and need not any more. */
static void release_chains(struct offload *offload, uint64_t lane) {
    for (size_t i = 0; i < OFFLOAD_THREADS; i++) {
        struct worker *worker = &offload->workers[i];
        struct offload_job *chain = worker->chain;
        if (!worker->job || worker->lane != lane || !worker->stuck || !chain)
            continue;
        worker->chain = NULL;
        enqueue(offload, chain);
    }
}

static void worker_take(struct worker *worker) {
    struct offload *offload = worker->offload;
    struct offload_job *job = offload->first;

    offload->first = job->next_uid;
    offload->heads--;
    worker->job = job;
    offload->busy++;
    worker->lane = lane_of(job);
    worker->started = os_now_us();
    worker->chain = job->next;
    if (worker->chain)
        worker->chain->last = job->last;
}

static void worker_finish(struct worker *worker) {
    struct offload *offload = worker->offload;
    struct offload_job *job = worker->job, *chain = worker->chain;
    bool stuck = worker->stuck;

    worker->job = NULL;
    if (offload->abandoned)
        return;
    worker->chain = NULL;
    worker->stuck = false;
    offload->busy--;
    if (stuck)
        offload->stuck--;
    if (chain)
        enqueue(offload, chain);
    if (stuck)
        release_chains(offload, worker->lane);
    job->next = NULL;
    if (offload->finished) {
        offload->finished_last->next = job;
    } else {
        offload->finished = job;
        bell_ring(&offload->bell);
    }
    offload->finished_last = job;
}

static bool is_surplus(const struct offload *offload) {
    return offload->alive > OFFLOAD_WORKERS + offload->stuck;
}

static void *worker_run(void *context) {
    struct worker *worker = context;
    struct offload *offload = worker->offload;

    identity_begin_thread();
    (void)pthread_mutex_lock(&offload->mutex);
    while (!offload->stopping && (offload->first || !is_surplus(offload))) {
        if (!offload->first) {
            (void)pthread_cond_wait(&offload->queued, &offload->mutex);
            continue;
        }
        worker_take(worker);
        (void)pthread_mutex_unlock(&offload->mutex);
        worker->job->unfit = worker->job->identity ? identity_wear(worker->job->identity) : 0;
        worker->job->work(worker->job);
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
    for (size_t i = 0; i < OFFLOAD_THREADS && offload->heads > offload->alive - offload->busy; i++) {
        if (offload->alive >= OFFLOAD_WORKERS + offload->stuck)
            break;
        if (offload->workers[i].state != WORKER_ALIVE && !worker_start(&offload->workers[i]))
            break; /* tried again by the timer */
    }
    (void)pthread_cond_signal(&offload->queued);
}

/* Interrupts what has run for long, and comes again as long as anything is pending. */
static void on_timer(struct loop_timer *timer) {
    struct offload *offload = (struct offload *)((char *)timer - offsetof(struct offload, timer));
    int64_t now = os_now_us(), next = now + OFFLOAD_PATIENCE_US;

    (void)pthread_mutex_lock(&offload->mutex);
    for (size_t i = 0; i < OFFLOAD_THREADS; i++) {
        struct worker *worker = &offload->workers[i];
        if (!worker->job)
            continue;
        if (now - worker->started < OFFLOAD_PATIENCE_US) {
            if (worker->started + OFFLOAD_PATIENCE_US < next)
                next = worker->started + OFFLOAD_PATIENCE_US;
            continue;
        }
        (void)pthread_kill(worker->thread, INTERRUPT);
        if (!worker->stuck &&
            now - worker->started >= (is_quick(worker->lane) ? OFFLOAD_PATIENCE_US : OFFLOAD_STUCK_US)) {
            worker->stuck = true;
            offload->stuck++;
            release_chains(offload, worker->lane);
        }
    }
    if (offload->first)
        attend(offload);
    (void)pthread_mutex_unlock(&offload->mutex);
    (void)loop_timer_set(offload->loop, timer, next);
}

static void on_finished(struct loop_watch *watch, unsigned events) {
    struct offload *offload = (struct offload *)((char *)watch - offsetof(struct offload, watch));
    struct offload_job *job, *next;

    (void)events;
    bell_silence(&offload->bell);
    (void)pthread_mutex_lock(&offload->mutex);
    job = offload->finished;
    offload->finished = NULL;
    (void)pthread_mutex_unlock(&offload->mutex);
    for (; job; job = next) {
        next = job->next; /* the job is its owner's again once it is done */
        offload->pending--;
        job->done(job);
    }
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
    error = loop_timer_set(loop, &offload->timer, INT64_MAX); /* the later sets cannot fail then */
    if (error)
        goto fail;
    loop_timer_clear(&offload->timer);
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
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        if (offload->workers[i].job)
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
    for (head = offload->first; head; head = next) {
        next = head->next_uid;
        drop_chain(head);
    }
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        drop_chain(offload->workers[i].chain);
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
    enqueue(offload, job);
    if (offload->first)
        attend(offload);
    (void)pthread_mutex_unlock(&offload->mutex);
    if (offload->pending++ == 0)
        (void)loop_timer_set(offload->loop, &offload->timer, os_now_us() + OFFLOAD_PATIENCE_US);
}

size_t offload_pending(const struct offload *offload) { return offload->pending; }

size_t offload_running(struct offload *offload, size_t *stuck) {
    size_t busy;

    (void)pthread_mutex_lock(&offload->mutex);
    busy = offload->busy;
    *stuck = offload->stuck;
    (void)pthread_mutex_unlock(&offload->mutex);
    return busy;
}
