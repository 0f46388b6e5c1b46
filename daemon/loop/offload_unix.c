/* offload_unix.c: offload.h with POSIX threads.
 *
 * Waiting jobs are chained behind the first one of their uid, the head. Heads of uids that have nothing
 * running stand in the queue; the chain of a uid that has a job running is kept by its worker, which puts it
 * at the queue's end afterwards. So taking the next job looks at one head, however many jobs wait behind it.
 * All links are in the jobs.
 *
 * The mutex guards everything but what says otherwise. The signal that interrupts a job is sent with the
 * mutex held and only while worker->job is set: it never reaches a worker that has gone on to wait for
 * work. */
#define _GNU_SOURCE

#include "offload.h"

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
    struct offload_job *chain;                              /* waiting jobs of its uid, or NULL */
    uint32_t uid;
    int64_t started;
    bool stuck;
};

struct offload {
    struct loop *loop; /* of the loop's thread alone, as the next four */
    struct loop_watch watch;
    struct loop_timer timer;
    size_t pending;
    struct sigaction action_before;
    int ends[2]; /* of the pipe that tells the loop */
    pthread_mutex_t mutex;
    pthread_cond_t queued;
    struct worker workers[OFFLOAD_THREADS];
    size_t alive, busy, stuck;
    struct offload_job *first, *last; /* the queue of heads */
    size_t heads;
    struct offload_job *finished, *finished_last;
    bool stopping;
};

static void on_interrupt(int number) { (void)number; } /* being delivered is all it is for */

static void tell_loop(struct offload *offload) {
    /* A full pipe has told it already. */
    while (write(offload->ends[1], "", 1) < 0 && errno == EINTR)
        ;
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

static void chain_add(struct offload_job *head, struct offload_job *job) {
    head->last->next = job;
    head->last = job;
}

static void worker_take(struct worker *worker) {
    struct offload *offload = worker->offload;
    struct offload_job *job = offload->first;

    offload->first = job->next_uid;
    offload->heads--;
    worker->job = job;
    offload->busy++;
    worker->uid = job->uid;
    worker->started = os_now_us();
    worker->chain = job->next;
    if (worker->chain)
        worker->chain->last = job->last;
}

static void worker_finish(struct worker *worker) {
    struct offload *offload = worker->offload;
    struct offload_job *job = worker->job;

    worker->job = NULL;
    offload->busy--;
    if (worker->stuck)
        offload->stuck--;
    worker->stuck = false;
    if (offload->stopping) /* whoever owns the job may have given up on it */
        return;
    if (worker->chain)
        queue_add(offload, worker->chain);
    worker->chain = NULL;
    job->next = NULL;
    if (offload->finished) {
        offload->finished_last->next = job;
    } else {
        offload->finished = job;
        tell_loop(offload);
    }
    offload->finished_last = job;
}

static bool is_surplus(const struct offload *offload) {
    return offload->alive > OFFLOAD_WORKERS + offload->stuck;
}

static void *worker_run(void *context) {
    struct worker *worker = context;
    struct offload *offload = worker->offload;

    (void)pthread_mutex_lock(&offload->mutex);
    while (!offload->stopping && (offload->first || !is_surplus(offload))) {
        if (!offload->first) {
            (void)pthread_cond_wait(&offload->queued, &offload->mutex);
            continue;
        }
        worker_take(worker);
        (void)pthread_mutex_unlock(&offload->mutex);
        worker->job->work(worker->job);
        (void)pthread_mutex_lock(&offload->mutex);
        worker_finish(worker);
    }
    worker->state = WORKER_ENDED;
    offload->alive--;
    if (offload->stopping)
        tell_loop(offload);
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
        log_write(LOG_LEVEL_WARNING, "cannot start a worker: %s", strerror(error));
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
        if (!worker->stuck && now - worker->started >= OFFLOAD_STUCK_US) {
            worker->stuck = true;
            offload->stuck++;
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
    char told[16];

    (void)events;
    (void)!read(offload->ends[0], told, sizeof(told));
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

static int pipe_open(int ends[2]) {
    if (pipe(ends) < 0)
        return -errno;
    for (size_t i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0)
            return -errno;
    return 0;
}

static void release(struct offload *offload) {
    loop_timer_free(&offload->timer);
    loop_unwatch(&offload->watch);
    os_close(offload->ends[0]);
    os_close(offload->ends[1]);
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
    offload->ends[0] = offload->ends[1] = OS_FD_NONE;
    offload->timer.fn = on_timer;
    offload->watch.fn = on_finished;
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        offload->workers[i].offload = offload;
    (void)pthread_mutex_init(&offload->mutex, NULL); /* without attributes these two have no way to fail */
    (void)pthread_cond_init(&offload->queued, NULL);
    error = pipe_open(offload->ends);
    if (error)
        goto fail;
    offload->watch.fd = offload->ends[0];
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

void offload_free(struct offload *offload) {
    size_t alive;
    char told[OFFLOAD_THREADS];

    if (!offload)
        return;
    /* Signals are repeated: one may come between taking the job and the call that blocks. */
    for (int round = 0; (alive = stop_round(offload)) > 0 && round < FREE_ROUNDS; round++) {
        (void)poll(&(struct pollfd){.fd = offload->ends[0], .events = POLLIN}, 1, FREE_ROUND_MS);
        (void)!read(offload->ends[0], told, sizeof(told));
    }
    if (alive) {
        log_write(LOG_LEVEL_WARNING, "calls that cannot be interrupted are left behind: %zu", alive);
        loop_timer_free(&offload->timer);
        loop_unwatch(&offload->watch);
        return;
    }
    for (size_t i = 0; i < OFFLOAD_THREADS; i++)
        if (offload->workers[i].state == WORKER_ENDED)
            (void)pthread_join(offload->workers[i].thread, NULL);
    (void)sigaction(INTERRUPT, &offload->action_before, NULL);
    release(offload);
}

/* The chain of that uid, where a job of it waits or runs already. True if the job was put there. */
static bool chain_join(struct offload *offload, struct offload_job *job) {
    for (size_t i = 0; i < OFFLOAD_THREADS; i++) {
        struct worker *worker = &offload->workers[i];
        if (!worker->job || worker->uid != job->uid)
            continue;
        if (worker->chain)
            chain_add(worker->chain, job);
        else
            worker->chain = job;
        return true;
    }
    for (struct offload_job *head = offload->first; head; head = head->next_uid) {
        if (head->uid != job->uid)
            continue;
        chain_add(head, job);
        return true;
    }
    return false;
}

void offload_submit(struct offload *offload, struct offload_job *job) {
    job->next = NULL;
    job->last = job;
    (void)pthread_mutex_lock(&offload->mutex);
    if (!chain_join(offload, job)) {
        queue_add(offload, job);
        attend(offload);
    }
    (void)pthread_mutex_unlock(&offload->mutex);
    if (offload->pending++ == 0)
        (void)loop_timer_set(offload->loop, &offload->timer, os_now_us() + OFFLOAD_PATIENCE_US);
}

size_t offload_pending(const struct offload *offload) { return offload->pending; }

size_t offload_running(struct offload *offload) {
    size_t busy;

    (void)pthread_mutex_lock(&offload->mutex);
    busy = offload->busy;
    (void)pthread_mutex_unlock(&offload->mutex);
    return busy;
}
