/* loop_libevent.c: loop.h on libevent's event_core, built with -DPORTD_LOOP=libevent.
 *
 * libevent sleeps in an epoll of its own, which contains the engine's as one descriptor. So a wakeup passes two levels of readiness and
 * costs one system call more than in loop_engine.c (tests/bench/README.md has the figures).
 *
 * A watch has an event for each direction, created when it is first needed. Both share one epoll entry, so a change of interest is a single
 * epoll_ctl, and a watch that is only read costs nothing besides the wait itself.
 *
 * Timers are kept in timers.c and share one event, the alarm: setting a timer allocates nothing, and clearing one calls libevent only if it
 * was the last. libevent uses a coarse clock, so the alarm may fire a little early: then no timer is due and it is set again for the rest.
 *
 * event_del removes an event from libevent's active queue, too, so a removed watch is never called. */
#include "loop.h"

#include "daemon/base/log.h"
#include "daemon/readiness/engine.h"
#include "timers.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>

enum { BATCH = 64 };

static const int64_t never = INT64_MAX;
static const int64_t longest_us = INT64_C(86400) * 1000000; /* the alarm fires at least once a day */

struct signal_watch {
    struct loop *loop;
    struct event *event;
    void (*fn)(void *context, int number);
    void *context;
    struct signal_watch *next;
};

struct loop {
    struct event_base *base;
    struct engine *engine;
    struct loop_watch engine_watch;
    void (*ready)(void *context, uint64_t token, unsigned events);
    void *ready_context;
    struct event *alarm;
    int64_t alarm_at;
    struct timers timers;
    struct signal_watch *signals;
    void (*after)(void *context);
    void *after_context;
    int64_t (*round)(void *context);
    void *round_context;
    struct loop_timer round_timer;
    bool stopped;
};

static void after(struct loop *loop) {
    if (loop->after)
        loop->after(loop->after_context);
}

/* libevent returns failures to the loop, too; this only logs them. */
static void on_message(int severity, const char *text) {
    log_write(severity == EVENT_LOG_ERR ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, "libevent: %s", text);
}

static int failure(void) { return errno ? -errno : -ENOMEM; }

static void on_alarm(evutil_socket_t fd, short what, void *context);

static struct event_base *base_new(void) {
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    /* The environment could enable the change list, which does not work with duplicated descriptors. */
    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

static void on_engine(struct loop_watch *watch, unsigned ignored) {
    struct loop *loop = watch->loop;
    struct engine_event events[BATCH];
    int n = engine_wait(loop->engine, events, BATCH);

    (void)ignored;
    if (n < 0)
        log_write(LOG_LEVEL_ERROR, "cannot wait for events; error=%d", -n);
    for (int i = 0; i < n && loop->ready; i++)
        loop->ready(loop->ready_context, events[i].token, events[i].events);
}

static int nest_engine(struct loop *loop) {
    loop->engine = engine_new();
    if (!loop->engine)
        return -errno;
    loop->engine_watch = (struct loop_watch){.fd = engine_pollable(loop->engine), .fn = on_engine};
    return loop_watch(loop, &loop->engine_watch, LOOP_READ);
}

struct engine *loop_engine(const struct loop *loop) {
    return loop->engine;
}

void loop_ready(struct loop *loop, void (*fn)(void *context, uint64_t token, unsigned events),
                void *context) {
    loop->ready = fn;
    loop->ready_context = context;
}

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return NULL;
    event_set_log_callback(on_message);
    loop->alarm_at = never;
    loop->base = base_new();
    if (loop->base)
        loop->alarm = evtimer_new(loop->base, on_alarm, loop);
    /* The first event_add makes room in libevent's heap, which it keeps: later calls cannot fail. */
    if (!loop->alarm || event_add(loop->alarm, &(struct timeval){1, 0}) || event_del(loop->alarm) ||
        nest_engine(loop)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    while (loop->signals) {
        struct signal_watch *watch = loop->signals;
        loop->signals = watch->next;
        event_free(watch->event);
        free(watch);
    }
    loop_timer_free(&loop->round_timer);
    loop_unwatch(&loop->engine_watch);
    engine_free(loop->engine);
    if (loop->alarm)
        event_free(loop->alarm);
    if (loop->base)
        event_base_free(loop->base);
    timers_deinit(&loop->timers);
    free(loop);
}

/* The timer only ends the sleep. */
static void on_round_timer(struct loop_timer *timer) { (void)timer; }

int loop_run(struct loop *loop) {
    int64_t until = INT64_MAX;
    int result = 0;

    while (!loop->stopped && result >= 0) {
        errno = 0;
        result = event_base_loop(loop->base,
                                 EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY | (until ? 0 : EVLOOP_NONBLOCK));
        if (result < 0)
            result = failure();
        until = loop->round && !loop->stopped ? loop->round(loop->round_context) : INT64_MAX;
        if (until && until != INT64_MAX)
            result = loop_timer_set(loop, &loop->round_timer, until);
    }
    loop->stopped = false;
    return result < 0 ? result : 0;
}

void loop_stop(struct loop *loop) {
    loop->stopped = true;
    (void)event_base_loopbreak(loop->base);
}

void loop_after(struct loop *loop, void (*fn)(void *context), void *context) {
    loop->after = fn;
    loop->after_context = context;
}

void loop_round(struct loop *loop, int64_t (*fn)(void *context), void *context) {
    loop->round = fn;
    loop->round_context = context;
    loop->round_timer.fn = on_round_timer;
}

static void on_event(evutil_socket_t fd, short what, void *context) {
    struct loop_watch *watch = context;
    struct loop *loop = watch->loop;

    (void)fd;
    watch->fn(watch, what & EV_WRITE ? LOOP_WRITE : LOOP_READ);
    after(loop);
}

/* Which of the two events of a watch. */
static int direction_index(unsigned direction) { return direction == LOOP_WRITE; }

static int direction_add(struct loop_watch *watch, unsigned direction) {
    void **event = &watch->impl[direction_index(direction)];
    short what = direction == LOOP_WRITE ? EV_WRITE | EV_PERSIST : EV_READ | EV_PERSIST;

    if (watch->interest & direction)
        return 0;
    errno = 0;
    if (!*event)
        *event = event_new(watch->loop->base, watch->fd, what, on_event, watch);
    if (!*event || event_add(*event, NULL))
        return failure();
    watch->interest |= direction;
    return 0;
}

static void direction_remove(struct loop_watch *watch, unsigned direction) {
    if (!(watch->interest & direction))
        return;
    (void)event_del(watch->impl[direction_index(direction)]);
    watch->interest &= ~direction;
}

int loop_set(struct loop_watch *watch, unsigned interest) {
    unsigned before = watch->interest;
    int error = 0;

    if (interest & LOOP_READ)
        error = direction_add(watch, LOOP_READ);
    if (!error && (interest & LOOP_WRITE))
        error = direction_add(watch, LOOP_WRITE);
    if (error)
        interest = before; /* undoes the additions */
    for (unsigned direction = LOOP_READ; direction <= LOOP_WRITE; direction++)
        if (!(interest & direction))
            direction_remove(watch, direction);
    return error;
}

int loop_watch(struct loop *loop, struct loop_watch *watch, unsigned interest) {
    watch->loop = loop;
    watch->interest = 0;
    watch->impl[0] = watch->impl[1] = NULL;
    int error = loop_set(watch, interest);
    if (error)
        loop_unwatch(watch);
    return error;
}

void loop_unwatch(struct loop_watch *watch) {
    for (size_t i = 0; i < 2; i++) {
        if (watch->impl[i])
            event_free(watch->impl[i]);
        watch->impl[i] = NULL;
    }
    watch->interest = 0;
    watch->loop = NULL;
}

/* Sets the alarm for the first timer, if it is not set for it already. */
static void alarm_set(struct loop *loop) {
    const struct loop_timer *first = timers_first(&loop->timers);

    if (!first) {
        if (loop->alarm_at != never)
            (void)event_del(loop->alarm);
        loop->alarm_at = never;
        return;
    }
    if (first->deadline == loop->alarm_at)
        return;
    int64_t now = os_now_us();
    int64_t rest = first->deadline <= now ? 0 : first->deadline - now;
    if (rest > longest_us)
        rest = longest_us;
    struct timeval delay = {.tv_sec = (time_t)(rest / 1000000), .tv_usec = (suseconds_t)(rest % 1000000)};
    (void)event_add(loop->alarm, &delay); /* cannot fail, see loop_new */
    loop->alarm_at = first->deadline;
}

/* Runs due timers, at most as many as are set: a timer that sets itself for now must not keep the loop here. */
static void on_alarm(evutil_socket_t fd, short what, void *context) {
    struct loop *loop = context;
    struct loop_timer *timer;
    int64_t now = os_now_us();

    (void)fd;
    (void)what;
    loop->alarm_at = never;
    for (size_t left = loop->timers.used; left > 0 && !loop->stopped; left--) {
        timer = timers_first(&loop->timers);
        if (!timer || timer->deadline > now)
            break;
        timers_remove(&loop->timers, timer);
        timer->fn(timer);
        after(loop);
    }
    alarm_set(loop);
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
    /* After a timer was cleared or moved, the alarm may be too early: it then fires once with no timer due. */
    if (deadline < loop->alarm_at)
        alarm_set(loop);
    return 0;
}

void loop_timer_clear(struct loop_timer *timer) {
    struct loop *loop = timer->loop;

    if (!loop || !timer->place)
        return;
    timers_remove(&loop->timers, timer);
    if (!loop->timers.used)
        alarm_set(loop);
}

void loop_timer_free(struct loop_timer *timer) {
    if (!timer->loop)
        return;
    loop_timer_clear(timer);
    timers_forget(&timer->loop->timers);
    timer->loop = NULL;
}

static void on_signal(evutil_socket_t number, short what, void *context) {
    const struct signal_watch *watch = context;

    (void)what;
    watch->fn(watch->context, (int)number);
    after(watch->loop);
}

int loop_signal(struct loop *loop, int number, void (*fn)(void *context, int number), void *context) {
    struct signal_watch *watch = calloc(1, sizeof(*watch));
    int error;

    if (!watch)
        return -ENOMEM;
    *watch = (struct signal_watch){.loop = loop, .fn = fn, .context = context, .next = loop->signals};
    errno = 0;
    watch->event = evsignal_new(loop->base, number, on_signal, watch);
    if (!watch->event || event_add(watch->event, NULL))
        goto fail;
    loop->signals = watch;
    return 0;
fail:
    error = failure();
    if (watch->event)
        event_free(watch->event);
    free(watch);
    return error;
}
