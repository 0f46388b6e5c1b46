/* test_loop.c: the contract of loop.h, on the loop that the broker runs. */
#include "tests/support/test.h"

#include "daemon/loop/loop.h"
#include "daemon/readiness/engine.h"
#include "proto/calls.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* A watch, a timer and what they did; several of them share an order. */
struct actor {
    struct loop_watch watch;
    struct loop_timer timer;
    unsigned events;
    size_t calls;
    size_t order;
    int64_t time;
    void (*then)(struct actor *actor);
    struct actor *other;
};

static struct loop *loop;
static size_t order, afters;

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

static void begin(void) {
    order = afters = 0;
    loop = loop_new();
    assert_non_null(loop);
    loop_after(loop, count_after, &afters);
}

static void actor_init(struct actor *actor, int fd, void (*then)(struct actor *actor)) {
    *actor = (struct actor){.watch = {.fd = fd, .fn = on_watch}, .timer = {.fn = on_timer}, .then = then};
}

static void stop(struct actor *actor) {
    (void)actor;
    loop_stop(loop);
}

static void nonblocking_pair(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(ends[i], F_SETFL, O_NONBLOCK), 0);
}

static void close_pair(const int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

static void a_readable_descriptor_is_told_until_it_is_read(void **state) {
    struct actor actor;
    int ends[2];

    (void)state;
    begin();
    nonblocking_pair(ends);
    actor_init(&actor, ends[0], stop);
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_READ), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    for (size_t turn = 1; turn <= 3; turn++) {
        assert_int_equal(loop_run(loop), 0);
        assert_int_equal(actor.calls, turn);
        assert_int_equal(actor.events, LOOP_READ);
        assert_int_equal(afters, turn);
    }
    loop_unwatch(&actor.watch);
    loop_free(loop);
    close_pair(ends);
}

/* A watch for room is called when there will be none: the write then returns the cause. */
static void an_error_is_told_to_who_waits_for_room(void **state) {
    static const char bytes[4096];
    struct actor actor;
    int ends[2];

    (void)state;
    begin();
    assert_int_equal(calls_pipe(ends, false), 0);
    while (write(ends[1], bytes, sizeof bytes) > 0)
        ;
    actor_init(&actor, ends[1], stop);
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_WRITE), 0);
    close(ends[0]);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(actor.events, LOOP_WRITE);
    loop_unwatch(&actor.watch);
    loop_free(loop);
    close(ends[1]);
}

static void write_is_told_only_when_asked_for(void **state) {
    struct actor actor;
    int ends[2];

    (void)state;
    begin();
    nonblocking_pair(ends);
    actor_init(&actor, ends[0], stop);
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_READ), 0);
    assert_int_equal(loop_set(&actor.watch, LOOP_READ | LOOP_WRITE), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(actor.events, LOOP_WRITE);
    actor.events = 0;
    assert_int_equal(loop_set(&actor.watch, LOOP_READ), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(actor.events, LOOP_READ);
    loop_unwatch(&actor.watch);
    loop_free(loop);
    close_pair(ends);
}

static void without_interest_not_even_a_hang_up_is_told(void **state) {
    struct actor silent, other;
    int ends[2], others[2];

    (void)state;
    begin();
    nonblocking_pair(ends);
    nonblocking_pair(others);
    actor_init(&silent, ends[0], NULL);
    actor_init(&other, others[0], stop);
    assert_int_equal(loop_watch(loop, &silent.watch, 0), 0);
    close(ends[1]);
    assert_int_equal(loop_watch(loop, &other.watch, LOOP_READ), 0);
    assert_int_equal(write(others[1], "x", 1), 1);
    for (size_t turn = 0; turn < 3; turn++)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(silent.calls, 0);
    assert_int_equal(loop_set(&silent.watch, LOOP_READ), 0);
    silent.then = stop;
    loop_unwatch(&other.watch);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(silent.events, LOOP_READ);
    loop_unwatch(&silent.watch);
    loop_free(loop);
    close(ends[0]);
    close_pair(others);
}

static void take_out_the_other(struct actor *actor) {
    loop_unwatch(&actor->other->watch);
    loop_stop(loop);
}

/* Both are readable in the same turn; whichever comes first takes the other one out. */
static void a_removed_watch_is_not_called_in_the_same_turn(void **state) {
    struct actor actors[2];
    int ends[2][2];

    (void)state;
    begin();
    for (size_t i = 0; i < 2; i++) {
        nonblocking_pair(ends[i]);
        actor_init(&actors[i], ends[i][0], take_out_the_other);
        actors[i].other = &actors[1 - i];
        assert_int_equal(loop_watch(loop, &actors[i].watch, LOOP_READ | LOOP_WRITE), 0);
        assert_int_equal(write(ends[i][1], "x", 1), 1);
    }
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(loop_run(loop), 0); /* what was left of that turn */
    assert_true((actors[0].calls == 0) != (actors[1].calls == 0));
    loop_unwatch(&actors[0].watch);
    loop_unwatch(&actors[1].watch);
    loop_free(loop);
    close_pair(ends[0]);
    close_pair(ends[1]);
}

static void free_itself(struct actor *actor) {
    loop_unwatch(&actor->watch);
    memset(actor, 0xa5, sizeof(*actor));
    free(actor);
    loop_stop(loop);
}

static void a_callback_may_free_its_own_watch(void **state) {
    struct actor *actor = malloc(sizeof(*actor));
    int ends[2];

    (void)state;
    begin();
    nonblocking_pair(ends);
    assert_non_null(actor);
    actor_init(actor, ends[0], free_itself);
    assert_int_equal(loop_watch(loop, &actor->watch, LOOP_READ | LOOP_WRITE), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(order, 1);
    assert_int_equal(afters, 1);
    loop_free(loop);
    close_pair(ends);
}

static void what_cannot_be_watched_is_an_error_and_leaves_nothing(void **state) {
    struct actor actor;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    begin();
    actor_init(&actor, null, NULL);
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_READ), -EPERM);
    assert_null(actor.watch.impl[0]);
    actor_init(&actor, 1000, NULL); /* not open */
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_WRITE), -EBADF);
    loop_unwatch(&(struct loop_watch){0});
    loop_timer_clear(&(struct loop_timer){0});
    loop_timer_free(&(struct loop_timer){0});
    loop_free(NULL);
    loop_free(loop);
    close(null);
}

static void stopping_before_running_is_not_lost(void **state) {
    (void)state;
    begin();
    loop_stop(loop);
    assert_int_equal(loop_run(loop), 0);
    loop_free(loop);
}

enum { TIMERS = 40 };

static void timers_fire_in_order_and_not_early(void **state) {
    static struct actor actors[TIMERS];
    int64_t start;

    (void)state;
    begin();
    start = os_now_us();
    for (size_t i = 0; i < TIMERS; i++) {
        size_t turn = i * 7 % TIMERS;
        actor_init(&actors[i], -1, turn == TIMERS - 1 ? stop : NULL);
        assert_int_equal(loop_timer_set(loop, &actors[i].timer, start + (int64_t)turn * 700), 0);
    }
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(afters, TIMERS);
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(actors[i].calls, 1);
        assert_int_equal(actors[i].order, i * 7 % TIMERS + 1);
        assert_true(actors[i].time >= start + (int64_t)(i * 7 % TIMERS) * 700);
        loop_timer_free(&actors[i].timer);
    }
    loop_free(loop);
}

static void setting_again_moves_a_timer(void **state) {
    struct actor moved, last;
    int64_t start;

    (void)state;
    begin();
    actor_init(&moved, -1, NULL);
    actor_init(&last, -1, stop);
    start = os_now_us();
    assert_int_equal(loop_timer_set(loop, &moved.timer, start), 0);
    assert_int_equal(loop_timer_set(loop, &moved.timer, start + 4000), 0);
    assert_int_equal(loop_timer_set(loop, &last.timer, start + 9000), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(moved.calls, 1);
    assert_true(moved.time >= start + 4000);
    assert_int_equal(loop_timer_set(loop, &last.timer, start + 1000000000), 0);
    assert_int_equal(loop_timer_set(loop, &last.timer, os_now_us()), 0); /* to an earlier time */
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(last.calls, 2);
    loop_timer_free(&moved.timer);
    loop_timer_free(&last.timer);
    loop_free(loop);
}

static void a_cleared_timer_is_silent_and_can_be_set_again(void **state) {
    struct actor cleared, last;

    (void)state;
    begin();
    actor_init(&cleared, -1, NULL);
    actor_init(&last, -1, stop);
    assert_int_equal(loop_timer_set(loop, &cleared.timer, os_now_us() + 500), 0);
    assert_int_equal(loop_timer_set(loop, &last.timer, os_now_us() + 3000), 0);
    loop_timer_clear(&cleared.timer);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(cleared.calls, 0);
    cleared.then = stop;
    assert_int_equal(loop_timer_set(loop, &cleared.timer, os_now_us()), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(cleared.calls, 1);
    loop_timer_free(&cleared.timer);
    loop_timer_free(&last.timer);
    loop_free(loop);
}

static void set_again_at_once(struct actor *actor) {
    assert_int_equal(loop_timer_set(loop, &actor->timer, 0), 0);
    if (actor->calls == 100)
        loop_stop(loop);
}

/* A timer that is always due lets the others live. */
static void a_timer_may_set_itself_again(void **state) {
    struct actor restless, reader;
    int ends[2];

    (void)state;
    begin();
    nonblocking_pair(ends);
    actor_init(&restless, -1, set_again_at_once);
    actor_init(&reader, ends[0], NULL);
    assert_int_equal(loop_watch(loop, &reader.watch, LOOP_READ), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(loop_timer_set(loop, &restless.timer, 0), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(restless.calls, 100);
    assert_true(reader.calls > 50);
    loop_timer_free(&restless.timer);
    loop_unwatch(&reader.watch);
    loop_free(loop);
    close_pair(ends);
}

static void free_the_other_timer(struct actor *actor) {
    loop_timer_free(&actor->other->timer);
    memset(&actor->other->timer, 0xa5, sizeof(actor->other->timer));
    loop_stop(loop);
}

static void a_timer_may_free_one_that_is_due_as_well(void **state) {
    struct actor actors[2];

    (void)state;
    begin();
    for (size_t i = 0; i < 2; i++) {
        actor_init(&actors[i], -1, free_the_other_timer);
        actors[i].other = &actors[1 - i];
        assert_int_equal(loop_timer_set(loop, &actors[i].timer, (int64_t)i), 0);
    }
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(actors[0].calls, 1);
    assert_int_equal(actors[1].calls, 0);
    loop_timer_free(&actors[0].timer);
    loop_free(loop);
}

static int signal_seen;

static void on_signal(void *context, int number) {
    assert_ptr_equal(context, &signal_seen);
    signal_seen = number;
    loop_stop(loop);
}

static void signals_are_told_in_the_loop(void **state) {
    (void)state;
    begin();
    signal_seen = 0;
    assert_int_equal(loop_signal(loop, SIGUSR1, on_signal, &signal_seen), 0);
    assert_int_equal(loop_signal(loop, SIGHUP, on_signal, &signal_seen), 0);
    assert_int_equal(raise(SIGHUP), 0);
    assert_int_equal(signal_seen, 0); /* not in the handler */
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(signal_seen, SIGHUP);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(signal_seen, SIGUSR1);
    assert_int_equal(afters, 2);
    loop_free(loop);
}

static void clear_and_stop(struct actor *actor) {
    loop_timer_clear(&actor->other->timer);
    loop_stop(loop);
}

/* An idle loop sleeps: it gives up the processor about once for each timer and not in between. */
static void an_idle_loop_does_not_wake_up(void **state) {
    struct actor watcher, cleared, last;
    struct rusage before, after;
    int ends[2];

    (void)state;
    begin();
    nonblocking_pair(ends);
    actor_init(&watcher, ends[0], NULL);
    actor_init(&cleared, -1, NULL);
    actor_init(&last, -1, clear_and_stop);
    last.other = &cleared;
    assert_int_equal(loop_watch(loop, &watcher.watch, LOOP_READ), 0);
    assert_int_equal(loop_timer_set(loop, &cleared.timer, os_now_us() + 1000000), 0);
    assert_int_equal(loop_timer_set(loop, &last.timer, os_now_us() + 300000), 0);
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 16);
    loop_unwatch(&watcher.watch);
    loop_timer_free(&cleared.timer);
    loop_timer_free(&last.timer);
    loop_free(loop);
    close_pair(ends);
}

static size_t answers, answers_before;
static int armed_ends[2];

static void on_answer(void *context, uint64_t token, unsigned events) {
    assert_ptr_equal(context, &answers);
    assert_int_equal(token, 8001);
    assert_int_equal(events, ENGINE_READ);
    answers++;
}

static void drain(struct actor *actor) {
    char bytes[8];

    if (actor->calls == 1) {
        answers_before = answers;
        assert_int_equal(read(armed_ends[0], bytes, sizeof(bytes)), 1);
    }
    loop_stop(loop);
}

/* Both are ready at once. After a probe in a watch's callback that finds nothing, no older event may be reported. */
static void no_answer_of_the_engine_is_older_than_a_watch(void **state) {
    struct engine_watch armed = {0};
    struct actor actor;
    int ends[2];

    (void)state;
    begin();
    answers = 0;
    loop_ready(loop, on_answer, &answers);
    nonblocking_pair(ends);
    nonblocking_pair(armed_ends);
    actor_init(&actor, ends[0], drain);
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_READ), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(engine_arm(loop_engine(loop), &armed, armed_ends[0], ENGINE_READ, false, 8001), 0);
    assert_int_equal(write(armed_ends[1], "x", 1), 1);
    for (int turn = 0; turn < 3; turn++)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(actor.calls, 3);
    assert_int_equal(answers, answers_before);
    /* What comes later is told. */
    assert_int_equal(engine_arm(loop_engine(loop), &armed, armed_ends[0], ENGINE_READ, false, 8001), 0);
    assert_int_equal(write(armed_ends[1], "x", 1), 1);
    for (int turn = 0; turn < 3; turn++)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(answers, answers_before + 1);
    engine_disarm(loop_engine(loop), &armed, armed_ends[0]);
    loop_unwatch(&actor.watch);
    loop_free(loop);
    close_pair(ends);
    close_pair(armed_ends);
}

/* Behind what is no multiple of 8 long, where a machine of 32 bits would put it at a multiple of 4. */
struct odd {
    uint32_t before;
    struct loop_watch watch;
    uint32_t behind;
};

static void stop_the_loop(struct loop_watch *watch, unsigned events) {
    (void)events;
    loop_stop(watch->loop);
}

/* Tokens of others are no multiples of 8, and those are not taken for a watch. */
static void a_watch_lies_where_its_address_is_nobody_elses_token(void **state) {
    struct odd odd[3] = {{0}};
    int ends[2];

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_int_equal((uintptr_t)&odd[i].watch % 8, 0);
        nonblocking_pair(ends);
        assert_int_equal(write(ends[1], "x", 1), 1);
        odd[i].watch = (struct loop_watch){.fd = ends[0], .fn = stop_the_loop};
        answers = 0;
        loop_ready(loop, on_answer, &answers);
        assert_int_equal(loop_watch(loop, &odd[i].watch, LOOP_READ), 0);
        assert_int_equal(loop_run(loop), 0);
        assert_int_equal(answers, 0);
        loop_unwatch(&odd[i].watch);
        close_pair(ends);
    }
    loop_free(loop);
}

TEST_MAIN(TEST_CASE(a_readable_descriptor_is_told_until_it_is_read),
          TEST_CASE(an_error_is_told_to_who_waits_for_room), TEST_CASE(write_is_told_only_when_asked_for),
          TEST_CASE(without_interest_not_even_a_hang_up_is_told),
          TEST_CASE(a_removed_watch_is_not_called_in_the_same_turn),
          TEST_CASE(a_callback_may_free_its_own_watch),
          TEST_CASE(what_cannot_be_watched_is_an_error_and_leaves_nothing),
          TEST_CASE(stopping_before_running_is_not_lost), TEST_CASE(timers_fire_in_order_and_not_early),
          TEST_CASE(setting_again_moves_a_timer), TEST_CASE(a_cleared_timer_is_silent_and_can_be_set_again),
          TEST_CASE(a_timer_may_set_itself_again), TEST_CASE(a_timer_may_free_one_that_is_due_as_well),
          TEST_CASE(signals_are_told_in_the_loop), TEST_CASE(an_idle_loop_does_not_wake_up),
          TEST_CASE(no_answer_of_the_engine_is_older_than_a_watch),
          TEST_CASE(a_watch_lies_where_its_address_is_nobody_elses_token))
