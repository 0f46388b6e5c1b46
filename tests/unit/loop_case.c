/* loop_case.c: see loop_case.h. */
#include "loop_case.h"

struct loop *loop;
size_t order, afters;

static void on_watch(struct loop_watch *watch, unsigned events) {
    struct actor *actor = (struct actor *)((char *)watch - offsetof(struct actor, watch));

    actor->events |= events;
    actor->calls++;
    actor->order = ++order;
    if (actor->then)
        actor->then(actor);
}

static void on_timer(struct loop_timer *timer) {
    struct actor *actor = (struct actor *)((char *)timer - offsetof(struct actor, timer));

    actor->time = os_now_us();
    on_watch(&actor->watch, 0);
}

static void count_after(void *context) {
    assert_ptr_equal(context, &afters);
    afters++;
}

void loop_begin(void) {
    order = afters = 0;
    loop = loop_new();
    assert_non_null(loop);
    loop_after(loop, count_after, &afters);
}

void actor_init(struct actor *actor, os_fd fd, void (*then)(struct actor *actor)) {
    *actor = (struct actor){.watch = {.fd = fd, .fn = on_watch}, .timer = {.fn = on_timer}, .then = then};
}

void actor_stop(struct actor *actor) {
    (void)actor;
    loop_stop(loop);
}
