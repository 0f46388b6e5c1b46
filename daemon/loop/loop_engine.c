/* loop_engine.c: loop.h on a readiness engine.
 *
 * The token of a watch is its address, which has no bit of LOOP_TOKEN_MASK, so it differs from all other tokens. The engine's events are
 * buffered in the loop: loop_unwatch removes a watch from the buffer, too, so a removed watch is never called, and a stopped loop goes on
 * with the rest of the buffer when it is run again.
 *
 * Timers are kept in timers.c. The deadline descriptor is due no later than the first of them: it is set when an earlier timer is added, and
 * not changed when that timer is cleared, so timers that come and go cost no system call. The loop reads the clock only once it is due. Where
 * nothing tells that it is, the loop sleeps no longer than that, and reads the clock in each round.
 */
#include "loop.h"

#include "daemon/readiness/engine.h"
#include "deadline.h"
#include "signal_pipe.h"
#include "timers.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { BATCH = 64, BATCHES = 256 /* per round */, TIMERS = 256 /* per round */ };
_Static_assert(_Alignof(struct loop_watch) > LOOP_TOKEN_MASK,
               "the address of a watch would be a token of another kind");

struct signal_watch {
    int number;
    void (*fn)(void *context, int number);
    void *context;
    struct signal_watch *next;
};

struct loop {
    struct engine *engine;
    struct engine_event events[BATCH];
    int at, n;     /* events from at to n are not handled yet */
    unsigned pass; /* over everything that is ready; calls each watch once */
    void (*ready)(void *context, uint64_t token, unsigned events);
    void *ready_context;
    struct timers timers;
    struct loop_watch deadline;
    int64_t due;  /* the time of the deadline; INT64_MAX: not set */
    bool is_told; /* the descriptor tells when it is due */
    bool is_due;  /* it has */
    struct loop_watch signal_watch;
    struct signal_watch *signals;
    void (*after)(void *context);
    void *after_context;
    int64_t (*round)(void *context);
    void *round_context;
    bool stopped;
};

static void after(struct loop *loop) {
    if (loop->after)
        loop->after(loop->after_context);
}

static int open_deadline(struct loop *loop) {
    os_fd fd;
    int error = deadline_open(&fd);

    if (error)
        return error;
    loop->due = INT64_MAX;
    loop->deadline = (struct loop_watch){.fd = fd};
    if (fd == OS_FD_NONE)
        return 0;
    error = loop_watch(loop, &loop->deadline, LOOP_READ);
    if (error)
        os_close(fd);
    return error;
}

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return NULL;
    loop->engine = engine_new();
    if (loop->engine && !open_deadline(loop))
        return loop;
    engine_free(loop->engine);
    free(loop);
    return NULL;
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    if (loop->signal_watch.loop) {
        loop_unwatch(&loop->signal_watch);
        signal_pipe_close();
    }
    while (loop->signals) {
        struct signal_watch *watch = loop->signals;
        loop->signals = watch->next;
        free(watch);
    }
    loop_unwatch(&loop->deadline);
    os_close(loop->deadline.fd);
    engine_free(loop->engine);
    timers_deinit(&loop->timers);
    free(loop);
}

void loop_stop(struct loop *loop) { loop->stopped = true; }

void loop_after(struct loop *loop, void (*fn)(void *context), void *context) {
    loop->after = fn;
    loop->after_context = context;
}

void loop_round(struct loop *loop, int64_t (*fn)(void *context), void *context) {
    loop->round = fn;
    loop->round_context = context;
}

struct engine *loop_engine(const struct loop *loop) {
    return loop->engine;
}

void loop_ready(struct loop *loop, void (*fn)(void *context, uint64_t token, unsigned events),
                void *context) {
    loop->ready = fn;
    loop->ready_context = context;
}

/* ---- watches ----------------------------------------------------------------------------------------- */

static uint64_t token_of(const struct loop_watch *watch) { return (uint64_t)(uintptr_t)watch; }

static unsigned to_engine(unsigned interest) {
    return (interest & LOOP_READ ? ENGINE_READ : 0u) | (interest & LOOP_WRITE ? ENGINE_WRITE : 0u);
}

/* A hang-up or an error makes both directions ready: read or write then returns the cause. */
static unsigned from_engine(unsigned events) {
    return (events & ~(unsigned)ENGINE_WRITE ? LOOP_READ : 0u) |
           (events & (ENGINE_WRITE | ENGINE_HANG_UP | ENGINE_ERROR) ? LOOP_WRITE : 0u);
}

int loop_set(struct loop_watch *watch, unsigned interest) {
    int result;

    if (interest == watch->interest)
        return 0;
    result = engine_keep(watch->loop->engine, watch->fd, to_engine(watch->interest), to_engine(interest),
                         token_of(watch));
    if (result == 0)
        watch->interest = interest;
    return result > 0 ? result == ENGINE_E_UNSUPPORTED ? -EPERM : -ELOOP : result;
}

int loop_watch(struct loop *loop, struct loop_watch *watch, unsigned interest) {
    assert(!(token_of(watch) & LOOP_TOKEN_MASK)); /* false: the allocator aligns to less */
    watch->loop = loop;
    watch->interest = 0;
    return loop_set(watch, interest);
}

void loop_unwatch(struct loop_watch *watch) {
    struct loop *loop = watch->loop;

    if (!loop)
        return;
    (void)loop_set(watch, 0);
    for (int i = loop->at; i < loop->n; i++)
        if (loop->events[i].token == token_of(watch))
            loop->events[i].token = 0;
    watch->loop = NULL;
}

/* ---- timers ------------------------------------------------------------------------------------------ */

static void set_deadline(struct loop *loop, int64_t due) {
    loop->is_told = deadline_set(loop->deadline.fd, due);
    loop->due = due;
    loop->is_due = false;
}

int loop_timer_prepare(struct loop *loop, struct loop_timer *timer) {
    if (timer->loop)
        return 0;
    if (timers_learn(&loop->timers))
        return -ENOMEM;
    timer->loop = loop;
    timer->place = 0;
    return 0;
}

int loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t deadline) {
    if (loop_timer_prepare(loop, timer))
        return -ENOMEM;
    if (timer->place)
        timers_remove(&loop->timers, timer);
    timer->deadline = deadline;
    timers_add(&loop->timers, timer);
    if (deadline < loop->due)
        set_deadline(loop, deadline);
    return 0;
}

void loop_timer_clear(struct loop_timer *timer) {
    if (timer->loop && timer->place)
        timers_remove(&timer->loop->timers, timer);
}

void loop_timer_free(struct loop_timer *timer) {
    if (!timer->loop)
        return;
    loop_timer_clear(timer);
    timers_forget(&timer->loop->timers);
    timer->loop = NULL;
}

/* How long the loop may sleep, in us; below 0: for ever. */
static int64_t patience(const struct loop *loop, int64_t until) {
    if (!loop->is_told && loop->due < until)
        until = loop->due;
    if (until == 0 || until == INT64_MAX)
        return until ? -1 : 0;
    int64_t now = os_now_us();
    return until <= now ? 0 : until - now;
}

/* Runs due timers, at most TIMERS and at most as many as are set: a timer that sets itself for now must not keep the loop here. */
static void run_timers(struct loop *loop) {
    const struct loop_timer *first;

    if (loop->is_told ? !loop->is_due : loop->due == INT64_MAX)
        return;
    int64_t now = os_now_us();

    for (size_t left = loop->timers.used < TIMERS ? loop->timers.used : TIMERS; left > 0 && !loop->stopped;
         left--) {
        struct loop_timer *timer = timers_first(&loop->timers);
        if (!timer || timer->deadline > now)
            break;
        timers_remove(&loop->timers, timer);
        timer->fn(timer);
        after(loop);
    }
    first = timers_first(&loop->timers);
    set_deadline(loop, first ? first->deadline : INT64_MAX);
}

/* ---- signals ----------------------------------------------------------------------------------------- */

/* Handles one signal per round, since the next may arrive at once: other callbacks run between them. */
static void on_signals(struct loop_watch *watch, unsigned events) {
    const struct loop *loop = watch->loop;
    int number = loop->stopped ? 0 : signal_pipe_next();

    (void)events;
    for (const struct signal_watch *asked = loop->signals; number && asked; asked = asked->next)
        if (asked->number == number)
            asked->fn(asked->context, number);
}

static int watch_signals(struct loop *loop) {
    os_fd readable;
    int error = signal_pipe_open(&readable);

    if (error)
        return error;
    loop->signal_watch = (struct loop_watch){.fd = readable, .fn = on_signals};
    error = loop_watch(loop, &loop->signal_watch, LOOP_READ);
    if (error) {
        loop_unwatch(&loop->signal_watch);
        signal_pipe_close();
    }
    return error;
}

int loop_signal(struct loop *loop, int number, void (*fn)(void *context, int number), void *context) {
    struct signal_watch *watch = malloc(sizeof(*watch));
    int error;

    if (!watch)
        return -ENOMEM;
    *watch = (struct signal_watch){.number = number, .fn = fn, .context = context, .next = loop->signals};
    error = loop->signal_watch.loop ? 0 : watch_signals(loop);
    if (!error)
        error = signal_pipe_catch(number);
    if (error)
        free(watch);
    else
        loop->signals = watch;
    return error;
}

/* ---- running ----------------------------------------------------------------------------------------- */

/* Events of others come before those of the loop's watches (loop.h). */
static void report_others(struct loop *loop) {
    bool reported = false;

    for (int i = loop->at; i < loop->n; i++) {
        struct engine_event *event = &loop->events[i];
        if (!(event->token & LOOP_TOKEN_MASK))
            continue;
        if (loop->ready)
            loop->ready(loop->ready_context, event->token, event->events);
        event->token = 0;
        reported = true;
    }
    if (reported)
        after(loop);
}

/* False: a watch is ready that was called in this pass already, so everything that was ready when the pass began has been reported. */
static bool call_watches(struct loop *loop) {
    bool all_new = true;

    while (loop->at < loop->n && !loop->stopped) {
        const struct engine_event *event = &loop->events[loop->at++];
        struct loop_watch *watch = (struct loop_watch *)(uintptr_t)event->token;
        unsigned events = watch ? from_engine(event->events) & watch->interest : 0;
        if (!events)
            continue;
        if (watch == &loop->deadline) {
            loop->is_due = true;
            continue;
        }
        if (watch->pass == loop->pass) {
            all_new = false;
            continue;
        }
        watch->pass = loop->pass;
        watch->fn(watch, events);
        after(loop);
    }
    return all_new;
}

/* Reports everything that is ready before any work is done, so that all lanes with work take part in the round. */
static int report_all(struct loop *loop, int64_t timeout_us) {
    int result = loop->n - loop->at; /* left over by loop_stop */

    loop->pass++;
    for (int batch = 0; batch < BATCHES && !loop->stopped; batch++) {
        if (loop->at == loop->n) {
            result = batch == 0 ? engine_sleep(loop->engine, loop->events, BATCH, timeout_us)
                                : engine_wait(loop->engine, loop->events, BATCH);
            loop->at = 0;
            loop->n = result > 0 ? result : 0;
            report_others(loop);
        }
        if (!call_watches(loop) || result < BATCH)
            break;
    }
    return result;
}

int loop_run(struct loop *loop) {
    int64_t until = INT64_MAX;
    int result = 0;

    while (!loop->stopped && result >= 0) {
        result = report_all(loop, patience(loop, until));
        run_timers(loop);
        until = loop->round && !loop->stopped ? loop->round(loop->round_context) : INT64_MAX;
    }
    loop->stopped = false;
    return result < 0 ? result : 0;
}
