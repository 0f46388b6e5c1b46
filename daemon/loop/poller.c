/* poller.c: the threads of poller.h.
 *
 * A thread ends after the last unref, and the loop then joins it. Its wakeup is in its engine with the token 0. Finished jobs and engine
 * events of all poller threads go to the loop in one list, which keeps their order. An event uses one of a fixed number of records; a
 * poller thread without a free record does not poll until the loop returns one.
 *
 * One lock guards all lists. No thread holds it while it works or sleeps. */
#include "poller.h"

#include "daemon/base/log.h"
#include "daemon/base/table.h"
#include "daemon/loop/identity.h"
#include "daemon/readiness/engine.h"
#include "loop.h"
#include "pending.h"
#include "polls.h"
#include "proto/container.h"
#include "thread.h"
#include "utlist.h"
#include "wakeup.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { REPORTED_MOST = 32, FREE_ROUND_MS = 10, FREE_ROUNDS = 200 };

static_assert(POLLER_FDS == WAKEUP_FDS + 1, "a wakeup and an engine");

struct reported {
    struct poller_job job;
    struct poller *poller;
    uint64_t token;
    unsigned events;
    struct reported *next;
};

struct poller {
    os_uid uid; /* key of the table, while there are references */
    struct pollers *all;
    struct poller *prev, *next;
    struct thread thread;
    struct engine *engine;
    struct wakeup wakeup;
    unsigned refs; /* the loop's thread alone uses this and the next two; 0: the thread ends */
    size_t pending;
    int64_t since; /* when a job was last submitted to the idle thread, or done */
    struct poller_job *first, *last;
    struct reported reported[REPORTED_MOST], *spare;
    struct polls polls; /* the thread's own */
    bool sleeping, ending, ended;
    struct poller_job over; /* finished by the thread when it ends */
};

struct pollers {
    struct loop *loop;
    struct loop_watch watch;
    void (*ready)(void *context, uint64_t token, unsigned events);
    void (*has)(void *context, size_t n_fds);
    void *context;
    struct wakeup wakeup; /* wakes the loop */
    struct thread_lock lock;
    struct poller_job *finished, *finished_last;
    size_t alive;
    bool stopping;
    bool abandoned;      /* pollers_free has given up the threads that still work */
    struct poller *list; /* also those that end; the loop's thread alone uses this and the next two */
    size_t n;
    struct table by_uid;
};

static void lock(struct pollers *all) { thread_lock_take(&all->lock); }

static void unlock(struct pollers *all) { thread_lock_give(&all->lock); }

/* ---- the threads ------------------------------------------------------------------------------------- */

static void finish(struct pollers *all, struct poller_job *job) {
    if (all->abandoned)
        return;
    job->next = NULL;
    if (all->finished)
        all->finished_last->next = job;
    else
        all->finished = job;
    all->finished_last = job;
    wakeup_send(&all->wakeup);
}

static void report(struct poller *poller, const struct engine_event *event) {
    struct reported *reported = poller->spare;

    poller->spare = reported->next;
    reported->token = event->token;
    reported->events = event->events;
    finish(poller->all, &reported->job);
}

int poller_poll(struct poller *poller, struct polled *polled, unsigned interest, bool edge) {
    return polls_set(&poller->polls, polled, interest, edge);
}

/* Sleeps until a wakeup comes or, if there are free records, an event. */
static void sleep_once(struct poller *poller) {
    struct engine_event events[REPORTED_MOST + 1];
    size_t room = 0;
    int n = 0;

    for (const struct reported *reported = poller->spare; reported; reported = reported->next)
        room++;
    poller->sleeping = true;
    unlock(poller->all);
    if (room)
        n = polls_sleep(&poller->polls, poller->engine, events, room);
    else
        wakeup_wait(&poller->wakeup, -1);
    lock(poller->all);
    poller->sleeping = false;
    wakeup_clear(&poller->wakeup);
    for (int i = 0; i < n; i++)
        if (events[i].token)
            report(poller, &events[i]);
}

static void work_once(struct poller *poller) {
    struct poller_job *job = poller->first;

    poller->first = job->next;
    unlock(poller->all);
    job->work(job, poller->engine);
    lock(poller->all);
    finish(poller->all, job);
}

static void run(void *context) {
    struct poller *poller = context;
    struct pollers *all = poller->all;

    identity_begin_thread();
    pending_begin_thread();
    lock(all);
    while (!all->stopping && !poller->ending) {
        if (poller->first)
            work_once(poller);
        else
            sleep_once(poller);
    }
    poller->ended = true;
    all->alive--;
    finish(all, &poller->over);
    unlock(all);
}

/* ---- the loop's side --------------------------------------------------------------------------------- */

static void on_reported(struct poller_job *job) {
    struct reported *reported = (struct reported *)job;
    struct poller *poller = reported->poller;
    struct pollers *all = poller->all;

    all->ready(all->context, reported->token, reported->events);
    lock(all);
    reported->next = poller->spare;
    poller->spare = reported;
    if (!reported->next && poller->sleeping)
        wakeup_send(&poller->wakeup);
    unlock(all);
}

static void clear(struct poller *poller) {
    thread_join(&poller->thread);
    engine_free(poller->engine);
    wakeup_close(&poller->wakeup);
    DL_DELETE(poller->all->list, poller);
    poller->all->n--;
    free(poller);
}

static void tell_fds(const struct pollers *pollers) {
    pollers->has(pollers->context, pollers->n * POLLER_FDS);
}

static void on_over(struct poller_job *job) {
    struct poller *poller = CONTAINER_OF(job, struct poller, over);
    struct pollers *all = poller->all;

    clear(poller);
    tell_fds(all);
}

/* 0 or a positive errno. */
static int open_parts(struct poller *poller) {
    int error;

    poller->engine = engine_new();
    if (!poller->engine)
        return errno;
    error = -wakeup_open(&poller->wakeup);
    if (!error)
        error = -engine_keep(poller->engine, poller->wakeup.readable, 0, ENGINE_READ, 0);
    return error;
}

/* NULL with errno. */
static struct poller *poller_start(struct pollers *all, os_uid uid) {
    struct poller *poller = malloc(sizeof *poller);
    int error;

    if (!poller)
        return NULL;
    *poller = (struct poller){
        .all = all, .uid = uid, .refs = 1, .wakeup = {OS_FD_NONE, OS_FD_NONE}, .over = {.done = on_over}};
    for (size_t i = 0; i < REPORTED_MOST; i++) {
        struct reported *reported = &poller->reported[i];
        *reported = (struct reported){.job = {.done = on_reported}, .poller = poller, .next = poller->spare};
        poller->spare = reported;
    }
    error = open_parts(poller);
    if (!error)
        error = -thread_start(&poller->thread, run, poller, false);
    if (!error)
        return poller;
    wakeup_close(&poller->wakeup);
    engine_free(poller->engine);
    free(poller);
    errno = error;
    return NULL;
}

struct poller *poller_ref(struct pollers *pollers, os_uid uid) {
    struct poller *poller = table_find(&pollers->by_uid, uid);

    if (poller) {
        poller->refs++;
        return poller;
    }
    if (pollers->n == POLLER_MOST || table_reserve(&pollers->by_uid)) {
        errno = pollers->n == POLLER_MOST ? EBUSY : ENOMEM;
        return NULL;
    }
    lock(pollers); /* the new thread counts itself out of `alive` */
    poller = poller_start(pollers, uid);
    pollers->alive += poller != NULL;
    unlock(pollers);
    if (!poller)
        return NULL;
    (void)table_add(&pollers->by_uid, poller);
    DL_APPEND(pollers->list, poller);
    pollers->n++;
    tell_fds(pollers);
    return poller;
}

void poller_unref(struct poller *poller) {
    if (--poller->refs)
        return;
    table_remove(&poller->all->by_uid, poller);
    lock(poller->all);
    poller->ending = true;
    wakeup_send(&poller->wakeup);
    unlock(poller->all);
}

void poller_submit(struct poller *poller, struct poller_job *job) {
    struct pollers *all = poller->all;

    if (poller->pending++ == 0)
        poller->since = os_now_us();
    job->poller = poller;
    job->next = NULL;
    lock(all);
    if (poller->first)
        poller->last->next = job;
    else
        poller->first = job;
    poller->last = job;
    if (poller->sleeping)
        wakeup_send(&poller->wakeup);
    unlock(all);
}

bool poller_is_late(const struct poller *poller) {
    return poller->pending && os_now_us() - poller->since > POLLER_PATIENCE_US;
}

size_t pollers_count(const struct pollers *pollers, size_t *late) {
    const struct poller *poller;

    *late = 0;
    DL_FOREACH (pollers->list, poller)
        *late += poller_is_late(poller);
    return pollers->by_uid.used;
}

static void count_done(struct poller *poller) {
    poller->pending--;
    poller->since = os_now_us();
}

static void on_finished(struct loop_watch *watch, unsigned events) {
    struct pollers *all = CONTAINER_OF(watch, struct pollers, watch);
    struct poller_job *job, *next;

    (void)events;
    wakeup_clear(&all->wakeup);
    lock(all);
    job = all->finished;
    all->finished = NULL;
    unlock(all);
    for (; job; job = next) {
        next = job->next; /* done() may free the job */
        if (job->poller)
            count_done(job->poller);
        job->done(job);
    }
}

static void release(struct pollers *all) {
    loop_unwatch(&all->watch);
    wakeup_close(&all->wakeup);
    thread_lock_deinit(&all->lock);
    table_deinit(&all->by_uid);
    free(all);
}

struct pollers *pollers_new(struct loop *loop, void (*ready)(void *context, uint64_t token, unsigned events),
                            void (*has)(void *context, size_t n_fds), void *context) {
    struct pollers *all = calloc(1, sizeof(*all));
    int error;

    if (!all)
        return NULL;
    all->loop = loop;
    all->ready = ready;
    all->has = has;
    all->context = context;
    table_init(&all->by_uid, offsetof(struct poller, uid), 0); /* clients cannot choose their uids */
    thread_lock_init(&all->lock);
    error = wakeup_open(&all->wakeup);
    all->watch = (struct loop_watch){.fd = all->wakeup.readable, .fn = on_finished};
    if (!error)
        error = loop_watch(loop, &all->watch, LOOP_READ);
    if (!error)
        return all;
    release(all);
    errno = -error;
    return NULL;
}

static size_t stop_round(struct pollers *all) {
    const struct poller *poller;
    size_t alive;

    lock(all);
    all->stopping = true;
    DL_FOREACH (all->list, poller)
        wakeup_send(&poller->wakeup);
    alive = all->alive;
    unlock(all);
    return alive;
}

static void drop_all(struct poller_job *job) {
    for (struct poller_job *next; job; job = next) {
        next = job->next;
        if (job->drop)
            job->drop(job);
    }
}

/* Joins and frees the threads that have ended, and detaches the others. Returns how many these are. */
static size_t threads_leave(struct pollers *all) {
    struct poller *poller, *next;
    size_t left = 0;

    DL_FOREACH_SAFE (all->list, poller, next) {
        bool ended;
        lock(all);
        ended = poller->ended;
        if (!ended)
            thread_leave(&poller->thread);
        unlock(all);
        left += !ended;
        if (ended)
            clear(poller);
    }
    return left;
}

bool pollers_free(struct pollers *pollers) {
    const struct poller *poller;
    size_t alive;

    if (!pollers)
        return false;
    for (int round = 0; (alive = stop_round(pollers)) > 0 && round < FREE_ROUNDS; round++) {
        wakeup_wait(&pollers->wakeup, FREE_ROUND_MS);
        wakeup_clear(&pollers->wakeup);
    }
    lock(pollers);
    pollers->abandoned = true;
    drop_all(pollers->finished);
    DL_FOREACH (pollers->list, poller)
        drop_all(poller->first);
    unlock(pollers);
    alive = threads_leave(pollers);
    if (alive) {
        log_write(LOG_LEVEL_WARNING, "exiting with blocked poller threads: %zu", alive);
        loop_unwatch(&pollers->watch);
        return true;
    }
    release(pollers);
    return false;
}
