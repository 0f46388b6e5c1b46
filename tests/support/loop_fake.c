/* loop_fake.c: a loop that does nothing by itself: it polls no descriptor, and no time passes. Timers, the function after each
 * callback and interest behave as loop.h says. */
#include "loop_fake.h"

#include "daemon/loop/timers.h"

#include <errno.h>
#include <stdlib.h>

enum { SIGNALS = 64 };

struct loop {
    struct timers timers;
    size_t watches;
    int set_error; /* of the next loop_set */
    bool no_timer;
    bool stopped;
    void (*after)(void *context);
    void *after_context;
    struct {
        void (*fn)(void *context, int number);
        void *context;
    } signals[SIGNALS];
};

struct loop *loop_new(void) {
    return calloc(1, sizeof(struct loop));
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    timers_deinit(&loop->timers);
    free(loop);
}

int loop_run(struct loop *loop) {
    while (!loop->stopped && loop_fake_reach(loop, INT64_MAX) > 0)
        ;
    return 0;
}

void loop_stop(struct loop *loop) { loop->stopped = true; }

bool loop_fake_stopped(const struct loop *loop) { return loop->stopped; }

void loop_after(struct loop *loop, void (*fn)(void *context), void *context) {
    loop->after = fn;
    loop->after_context = context;
}

/* Turns are not this loop's business. */
void loop_round(struct loop *loop, int64_t (*fn)(void *context), void *context) {
    (void)loop;
    (void)fn;
    (void)context;
}

static void after(struct loop *loop) {
    if (loop->after)
        loop->after(loop->after_context);
}

int loop_watch(struct loop *loop, struct loop_watch *watch, unsigned interest) {
    watch->loop = loop;
    watch->interest = interest;
    loop->watches++;
    return 0;
}

void loop_fake_fail_timer(struct loop *loop) { loop->no_timer = true; }

void loop_fake_fail_set(struct loop *loop, int error) { loop->set_error = error; }

int loop_set(struct loop_watch *watch, unsigned interest) {
    int error = interest ? watch->loop->set_error : 0;

    if (error) {
        watch->loop->set_error = 0;
        return error;
    }
    watch->interest = interest;
    return 0;
}

void loop_unwatch(struct loop_watch *watch) {
    if (watch->loop)
        watch->loop->watches--;
    watch->loop = NULL;
    watch->interest = 0;
}

size_t loop_fake_watches(const struct loop *loop) { return loop->watches; }

bool loop_fake_tell(struct loop_watch *watch, unsigned events) {
    struct loop *loop = watch->loop;

    if (!loop || !(watch->interest & events))
        return false;
    watch->fn(watch, watch->interest & events);
    after(loop);
    return true;
}

int loop_timer_prepare(struct loop *loop, struct loop_timer *timer) {
    if (!timer->loop && (loop->no_timer || timers_learn(&loop->timers)))
        return -ENOMEM;
    timer->loop = loop;
    return 0;
}

int loop_timer_set(struct loop *loop, struct loop_timer *timer, int64_t deadline) {
    if (loop_timer_prepare(loop, timer))
        return -ENOMEM;
    loop_timer_clear(timer);
    timer->deadline = deadline;
    timers_add(&loop->timers, timer);
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

int64_t loop_fake_next(const struct loop *loop) {
    const struct loop_timer *first = timers_first(&loop->timers);

    return first ? first->deadline : INT64_MAX;
}

size_t loop_fake_reach(struct loop *loop, int64_t time) {
    size_t fired = 0;

    for (size_t left = loop->timers.used; left > 0 && !loop->stopped; left--) {
        struct loop_timer *timer = timers_first(&loop->timers);
        if (!timer || timer->deadline > time)
            break;
        timers_remove(&loop->timers, timer);
        timer->fn(timer);
        after(loop);
        fired++;
    }
    return fired;
}

int loop_signal(struct loop *loop, int number, void (*fn)(void *context, int number), void *context) {
    if (number <= 0 || number >= SIGNALS)
        return -EINVAL;
    loop->signals[number].fn = fn;
    loop->signals[number].context = context;
    return 0;
}

bool loop_fake_signal(struct loop *loop, int number) {
    if (number <= 0 || number >= SIGNALS || !loop->signals[number].fn)
        return false;
    loop->signals[number].fn(loop->signals[number].context, number);
    after(loop);
    return true;
}
