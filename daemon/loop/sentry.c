/* sentry.c: the threads of sentry.h.
 *
 * A thread ends with the last reference, and is gone once the loop has joined it. It is woken
 * by a bell that lies in its engine under the token 0. Finished jobs of all sentries and what their engines
 * told of go to the loop in one list, so their order is kept; an answer of the engine takes a record of a
 * fixed stock, and a sentry that has none left asks its engine no more until the loop has given some back.
 *
 * One lock guards all lists. No thread has it while it works or sleeps. */
#include "sentry.h"

#include "bell.h"
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

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TOLD_MOST = 32, FREE_ROUND_MS = 10, FREE_ROUNDS = 200 };

static_assert(SENTRY_FDS == BELL_FDS + 1, "a bell and an engine");

struct told {
    struct sentry_job job;
    struct sentry *sentry;
    uint64_t token;
    unsigned events;
    struct told *next;
};

struct sentry {
    uint64_t uid; /* key of the table, while there are references */
    struct sentries *all;
    struct sentry *prev, *next;
    struct thread thread;
    struct engine *engine;
    struct bell bell;
    unsigned refs; /* of the loop's thread alone, as the next two; 0: it ends */
    size_t pending;
    int64_t since; /* the last job was submitted to an idle sentry, or done */
    struct sentry_job *first, *last;
    struct told told[TOLD_MOST], *spare;
    struct polls polls; /* of its thread alone */
    bool sleeping, ending, ended;
    struct sentry_job over; /* told when it has ended */
};

struct sentries {
    struct loop *loop;
    struct loop_watch watch;
    void (*ready)(void *context, uint64_t token, unsigned events);
    void (*closed)(void *context, size_t n_fds);
    void *context;
    struct bell bell; /* tells the loop */
    struct thread_lock lock;
    struct sentry_job *finished, *finished_last;
    size_t alive;
    bool stopping;
    bool abandoned;      /* what is still at work is nobody's any more */
    struct sentry *list; /* also those that end; of the loop's thread alone, as the next two */
    size_t n;
    struct table by_uid;
};

static void lock(struct sentries *all) { thread_lock_take(&all->lock); }

static void unlock(struct sentries *all) { thread_lock_give(&all->lock); }

/* ---- the threads ------------------------------------------------------------------------------------- */

static void finish(struct sentries *all, struct sentry_job *job) {
    if (all->abandoned)
        return;
    job->next = NULL;
    if (all->finished)
        all->finished_last->next = job;
    else
        all->finished = job;
    all->finished_last = job;
    bell_ring(&all->bell);
}

static void tell(struct sentry *sentry, const struct engine_event *event) {
    struct told *told = sentry->spare;

    sentry->spare = told->next;
    told->token = event->token;
    told->events = event->events;
    finish(sentry->all, &told->job);
}

int sentry_poll(struct sentry *sentry, struct polled *polled, unsigned interest, bool edge) {
    return polls_set(&sentry->polls, polled, interest, edge);
}

/* Until the bell rings or, while there are records for it, there is something to tell. */
static void sleep_once(struct sentry *sentry) {
    struct engine_event events[TOLD_MOST + 1];
    size_t room = 0;
    int n = 0;

    for (const struct told *told = sentry->spare; told; told = told->next)
        room++;
    sentry->sleeping = true;
    unlock(sentry->all);
    if (room)
        n = polls_sleep(&sentry->polls, sentry->engine, events, room);
    else
        bell_wait(&sentry->bell, -1);
    lock(sentry->all);
    sentry->sleeping = false;
    bell_silence(&sentry->bell);
    for (int i = 0; i < n; i++)
        if (events[i].token)
            tell(sentry, &events[i]);
}

static void work_once(struct sentry *sentry) {
    struct sentry_job *job = sentry->first;

    sentry->first = job->next;
    unlock(sentry->all);
    job->work(job, sentry->engine);
    lock(sentry->all);
    finish(sentry->all, job);
}

static void run(void *context) {
    struct sentry *sentry = context;
    struct sentries *all = sentry->all;

    identity_begin_thread();
    pending_begin_thread();
    lock(all);
    while (!all->stopping && !sentry->ending) {
        if (sentry->first)
            work_once(sentry);
        else
            sleep_once(sentry);
    }
    sentry->ended = true;
    all->alive--;
    finish(all, &sentry->over);
    unlock(all);
}

/* ---- the loop's side --------------------------------------------------------------------------------- */

static void on_told(struct sentry_job *job) {
    struct told *told = (struct told *)job;
    struct sentry *sentry = told->sentry;
    struct sentries *all = sentry->all;

    all->ready(all->context, told->token, told->events);
    lock(all);
    told->next = sentry->spare;
    sentry->spare = told;
    if (!told->next && sentry->sleeping)
        bell_ring(&sentry->bell);
    unlock(all);
}

static void clear(struct sentry *sentry) {
    thread_join(&sentry->thread);
    engine_free(sentry->engine);
    bell_close(&sentry->bell);
    DL_DELETE(sentry->all->list, sentry);
    sentry->all->n--;
    free(sentry);
}

static void on_over(struct sentry_job *job) {
    struct sentry *sentry = CONTAINER_OF(job, struct sentry, over);
    struct sentries *all = sentry->all;

    clear(sentry);
    all->closed(all->context, SENTRY_FDS);
}

/* 0 or an error number. */
static int open_parts(struct sentry *sentry) {
    int error;

    sentry->engine = engine_new();
    if (!sentry->engine)
        return errno;
    error = -bell_open(&sentry->bell);
    if (!error)
        error = -engine_keep(sentry->engine, sentry->bell.readable, 0, ENGINE_READ, 0);
    return error;
}

/* NULL with errno. */
static struct sentry *sentry_start(struct sentries *all, os_uid uid) {
    struct sentry *sentry = malloc(sizeof *sentry);
    int error;

    if (!sentry)
        return NULL;
    *sentry = (struct sentry){
        .all = all, .uid = uid, .refs = 1, .bell = {OS_FD_NONE, OS_FD_NONE}, .over = {.done = on_over}};
    for (size_t i = 0; i < TOLD_MOST; i++) {
        struct told *told = &sentry->told[i];
        *told = (struct told){.job = {.done = on_told}, .sentry = sentry, .next = sentry->spare};
        sentry->spare = told;
    }
    error = open_parts(sentry);
    if (!error)
        error = -thread_start(&sentry->thread, run, sentry, false);
    if (!error)
        return sentry;
    bell_close(&sentry->bell);
    engine_free(sentry->engine);
    free(sentry);
    errno = error;
    return NULL;
}

struct sentry *sentry_ref(struct sentries *sentries, os_uid uid, size_t *opened) {
    struct sentry *sentry = table_find(&sentries->by_uid, uid);

    *opened = 0;
    if (sentry) {
        sentry->refs++;
        return sentry;
    }
    if (sentries->n == SENTRY_MOST || table_reserve(&sentries->by_uid)) {
        errno = sentries->n == SENTRY_MOST ? EBUSY : ENOMEM;
        return NULL;
    }
    lock(sentries); /* the new thread counts itself out of `alive` */
    sentry = sentry_start(sentries, uid);
    sentries->alive += sentry != NULL;
    unlock(sentries);
    if (!sentry)
        return NULL;
    (void)table_add(&sentries->by_uid, sentry);
    DL_APPEND(sentries->list, sentry);
    sentries->n++;
    *opened = SENTRY_FDS;
    return sentry;
}

void sentry_unref(struct sentry *sentry) {
    if (--sentry->refs)
        return;
    table_remove(&sentry->all->by_uid, sentry);
    lock(sentry->all);
    sentry->ending = true;
    bell_ring(&sentry->bell);
    unlock(sentry->all);
}

void sentry_submit(struct sentry *sentry, struct sentry_job *job) {
    struct sentries *all = sentry->all;

    if (sentry->pending++ == 0)
        sentry->since = os_now_us();
    job->sentry = sentry;
    job->next = NULL;
    lock(all);
    if (sentry->first)
        sentry->last->next = job;
    else
        sentry->first = job;
    sentry->last = job;
    if (sentry->sleeping)
        bell_ring(&sentry->bell);
    unlock(all);
}

bool sentry_is_late(const struct sentry *sentry) {
    return sentry->pending && os_now_us() - sentry->since > SENTRY_PATIENCE_US;
}

size_t sentries_count(const struct sentries *sentries, size_t *late) {
    const struct sentry *sentry;

    *late = 0;
    DL_FOREACH (sentries->list, sentry)
        *late += sentry_is_late(sentry);
    return sentries->by_uid.used;
}

static void one_less(struct sentry *sentry) {
    sentry->pending--;
    sentry->since = os_now_us();
}

static void on_finished(struct loop_watch *watch, unsigned events) {
    struct sentries *all = CONTAINER_OF(watch, struct sentries, watch);
    struct sentry_job *job, *next;

    (void)events;
    bell_silence(&all->bell);
    lock(all);
    job = all->finished;
    all->finished = NULL;
    unlock(all);
    for (; job; job = next) {
        next = job->next; /* the job is its owner's again once it is done */
        if (job->sentry)
            one_less(job->sentry);
        job->done(job);
    }
}

static void release(struct sentries *all) {
    loop_unwatch(&all->watch);
    bell_close(&all->bell);
    thread_lock_deinit(&all->lock);
    table_deinit(&all->by_uid);
    free(all);
}

struct sentries *sentries_new(struct loop *loop,
                              void (*ready)(void *context, uint64_t token, unsigned events),
                              void (*closed)(void *context, size_t n_fds), void *context) {
    struct sentries *all = calloc(1, sizeof(*all));
    int error;

    if (!all)
        return NULL;
    all->loop = loop;
    all->ready = ready;
    all->closed = closed;
    all->context = context;
    table_init(&all->by_uid, offsetof(struct sentry, uid), 0); /* nobody chooses his uid */
    thread_lock_init(&all->lock);
    error = bell_open(&all->bell);
    all->watch = (struct loop_watch){.fd = all->bell.readable, .fn = on_finished};
    if (!error)
        error = loop_watch(loop, &all->watch, LOOP_READ);
    if (!error)
        return all;
    release(all);
    errno = -error;
    return NULL;
}

static size_t stop_round(struct sentries *all) {
    const struct sentry *sentry;
    size_t alive;

    lock(all);
    all->stopping = true;
    DL_FOREACH (all->list, sentry)
        bell_ring(&sentry->bell);
    alive = all->alive;
    unlock(all);
    return alive;
}

static void drop_all(struct sentry_job *job) {
    for (struct sentry_job *next; job; job = next) {
        next = job->next;
        if (job->drop)
            job->drop(job);
    }
}

/* Those that have ended are waited for and cleared; nobody will wait for those that are left behind. How many these are. */
static size_t threads_leave(struct sentries *all) {
    struct sentry *sentry, *next;
    size_t left = 0;

    DL_FOREACH_SAFE (all->list, sentry, next) {
        bool ended;
        lock(all);
        ended = sentry->ended;
        if (!ended)
            thread_leave(&sentry->thread);
        unlock(all);
        left += !ended;
        if (ended)
            clear(sentry);
    }
    return left;
}

bool sentries_free(struct sentries *sentries) {
    const struct sentry *sentry;
    size_t alive;

    if (!sentries)
        return false;
    for (int round = 0; (alive = stop_round(sentries)) > 0 && round < FREE_ROUNDS; round++) {
        bell_wait(&sentries->bell, FREE_ROUND_MS);
        bell_silence(&sentries->bell);
    }
    lock(sentries);
    sentries->abandoned = true;
    drop_all(sentries->finished);
    DL_FOREACH (sentries->list, sentry)
        drop_all(sentry->first);
    unlock(sentries);
    alive = threads_leave(sentries);
    if (alive) {
        log_write(LOG_LEVEL_WARNING, "exiting with blocked watch threads: %zu", alive);
        loop_unwatch(&sentries->watch);
        return true;
    }
    release(sentries);
    return false;
}
