/* test_loop.c: the contract of loop.h, on the loop that the broker runs. What only Unix has is in test_loop_descriptors.c. */
#include "loop_case.h"

#include "daemon/loop/wakeup.h"
#include "daemon/readiness/engine.h"

static void a_readable_descriptor_is_told_until_it_is_read(void **state) {
    struct actor actor;
    struct wakeup bell;

    (void)state;
    loop_begin();
    assert_int_equal(wakeup_open(&bell), 0);
    actor_init(&actor, bell.readable, actor_stop);
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_READ), 0);
    wakeup_send(&bell);
    for (size_t turn = 1; turn <= 3; turn++) {
        assert_int_equal(loop_run(loop), 0);
        assert_int_equal(actor.calls, turn);
        assert_int_equal(actor.events, LOOP_READ);
        assert_int_equal(afters, turn);
    }
    loop_unwatch(&actor.watch);
    loop_free(loop);
    wakeup_close(&bell);
}

static void take_out_the_other(struct actor *actor) {
    loop_unwatch(&actor->other->watch);
    loop_stop(loop);
}

/* Both are readable in the same turn; whichever comes first takes the other one out. */
static void a_removed_watch_is_not_called_in_the_same_turn(void **state) {
    struct actor actors[2];
    struct wakeup bells[2];

    (void)state;
    loop_begin();
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(wakeup_open(&bells[i]), 0);
        actor_init(&actors[i], bells[i].readable, take_out_the_other);
        actors[i].other = &actors[1 - i];
        assert_int_equal(loop_watch(loop, &actors[i].watch, LOOP_READ), 0);
        wakeup_send(&bells[i]);
    }
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(loop_run(loop), 0); /* what was left of that turn */
    assert_true((actors[0].calls == 0) != (actors[1].calls == 0));
    loop_unwatch(&actors[0].watch);
    loop_unwatch(&actors[1].watch);
    loop_free(loop);
    wakeup_close(&bells[0]);
    wakeup_close(&bells[1]);
}

static void free_itself(struct actor *actor) {
    loop_unwatch(&actor->watch);
    memset(actor, 0xa5, sizeof(*actor));
    free(actor);
    loop_stop(loop);
}

static void a_callback_may_free_its_own_watch(void **state) {
    struct actor *actor = malloc(sizeof(*actor));
    struct wakeup bell;

    (void)state;
    loop_begin();
    assert_int_equal(wakeup_open(&bell), 0);
    assert_non_null(actor);
    actor_init(actor, bell.readable, free_itself);
    assert_int_equal(loop_watch(loop, &actor->watch, LOOP_READ), 0);
    wakeup_send(&bell);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(order, 1);
    assert_int_equal(afters, 1);
    loop_free(loop);
    wakeup_close(&bell);
}

static void what_is_not_there_is_allowed(void **state) {
    (void)state;
    loop_begin();
    loop_unwatch(&(struct loop_watch){0});
    loop_timer_clear(&(struct loop_timer){0});
    loop_timer_free(&(struct loop_timer){0});
    loop_free(NULL);
    loop_free(loop);
}

static void stopping_before_running_is_not_lost(void **state) {
    (void)state;
    loop_begin();
    loop_stop(loop);
    assert_int_equal(loop_run(loop), 0);
    loop_free(loop);
}

enum { TIMERS = 40 };

static void timers_fire_in_order_and_not_early(void **state) {
    static struct actor actors[TIMERS];
    int64_t start;

    (void)state;
    loop_begin();
    start = os_now_us();
    for (size_t i = 0; i < TIMERS; i++) {
        size_t turn = i * 7 % TIMERS;
        actor_init(&actors[i], OS_FD_NONE, turn == TIMERS - 1 ? actor_stop : NULL);
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
    loop_begin();
    actor_init(&moved, OS_FD_NONE, NULL);
    actor_init(&last, OS_FD_NONE, actor_stop);
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
    loop_begin();
    actor_init(&cleared, OS_FD_NONE, NULL);
    actor_init(&last, OS_FD_NONE, actor_stop);
    assert_int_equal(loop_timer_set(loop, &cleared.timer, os_now_us() + 500), 0);
    assert_int_equal(loop_timer_set(loop, &last.timer, os_now_us() + 3000), 0);
    loop_timer_clear(&cleared.timer);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(cleared.calls, 0);
    cleared.then = actor_stop;
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
    struct wakeup bell;

    (void)state;
    loop_begin();
    assert_int_equal(wakeup_open(&bell), 0);
    actor_init(&restless, OS_FD_NONE, set_again_at_once);
    actor_init(&reader, bell.readable, NULL);
    assert_int_equal(loop_watch(loop, &reader.watch, LOOP_READ), 0);
    wakeup_send(&bell);
    assert_int_equal(loop_timer_set(loop, &restless.timer, 0), 0);
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(restless.calls, 100);
    assert_true(reader.calls > 50);
    loop_timer_free(&restless.timer);
    loop_unwatch(&reader.watch);
    loop_free(loop);
    wakeup_close(&bell);
}

static void free_the_other_timer(struct actor *actor) {
    loop_timer_free(&actor->other->timer);
    memset(&actor->other->timer, 0xa5, sizeof(actor->other->timer));
    loop_stop(loop);
}

static void a_timer_may_free_one_that_is_due_as_well(void **state) {
    struct actor actors[2];

    (void)state;
    loop_begin();
    for (size_t i = 0; i < 2; i++) {
        actor_init(&actors[i], OS_FD_NONE, free_the_other_timer);
        actors[i].other = &actors[1 - i];
        assert_int_equal(loop_timer_set(loop, &actors[i].timer, (int64_t)i), 0);
    }
    assert_int_equal(loop_run(loop), 0);
    assert_int_equal(actors[0].calls, 1);
    assert_int_equal(actors[1].calls, 0);
    loop_timer_free(&actors[0].timer);
    loop_free(loop);
}

static size_t answers, answers_before;
static struct wakeup armed_bell;

static void on_answer(void *context, uint64_t token, unsigned events) {
    assert_ptr_equal(context, &answers);
    assert_int_equal(token, 8001);
    assert_int_equal(events, ENGINE_READ);
    answers++;
}

static void drain(struct actor *actor) {
    if (actor->calls == 1) {
        answers_before = answers;
        wakeup_clear(&armed_bell);
    }
    loop_stop(loop);
}

/* Both are ready at once. After a probe in a watch's callback that finds nothing, no older event may be reported. */
static void no_answer_of_the_engine_is_older_than_a_watch(void **state) {
    struct engine_watch armed = {0};
    struct actor actor;
    struct wakeup bell;

    (void)state;
    loop_begin();
    answers = 0;
    loop_ready(loop, on_answer, &answers);
    assert_int_equal(wakeup_open(&bell), 0);
    assert_int_equal(wakeup_open(&armed_bell), 0);
    actor_init(&actor, bell.readable, drain);
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_READ), 0);
    wakeup_send(&bell);
    assert_int_equal(engine_arm(loop_engine(loop), &armed, armed_bell.readable, ENGINE_READ, false, 8001), 0);
    wakeup_send(&armed_bell);
    for (int turn = 0; turn < 3; turn++)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(actor.calls, 3);
    assert_int_equal(answers, answers_before);
    /* What comes later is told. */
    assert_int_equal(engine_arm(loop_engine(loop), &armed, armed_bell.readable, ENGINE_READ, false, 8001), 0);
    wakeup_send(&armed_bell);
    while (answers == answers_before)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(answers, answers_before + 1);
    engine_disarm(loop_engine(loop), &armed, armed_bell.readable);
    loop_unwatch(&actor.watch);
    loop_free(loop);
    wakeup_close(&bell);
    wakeup_close(&armed_bell);
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
    struct wakeup bell;

    (void)state;
    loop_begin();
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_int_equal((uintptr_t)&odd[i].watch % 8, 0);
        assert_int_equal(wakeup_open(&bell), 0);
        wakeup_send(&bell);
        odd[i].watch = (struct loop_watch){.fd = bell.readable, .fn = stop_the_loop};
        answers = 0;
        loop_ready(loop, on_answer, &answers);
        assert_int_equal(loop_watch(loop, &odd[i].watch, LOOP_READ), 0);
        assert_int_equal(loop_run(loop), 0);
        assert_int_equal(answers, 0);
        loop_unwatch(&odd[i].watch);
        wakeup_close(&bell);
    }
    loop_free(loop);
}

TEST_MAIN(TEST_CASE(a_readable_descriptor_is_told_until_it_is_read),
          TEST_CASE(a_removed_watch_is_not_called_in_the_same_turn),
          TEST_CASE(a_callback_may_free_its_own_watch), TEST_CASE(what_is_not_there_is_allowed),
          TEST_CASE(stopping_before_running_is_not_lost), TEST_CASE(timers_fire_in_order_and_not_early),
          TEST_CASE(setting_again_moves_a_timer), TEST_CASE(a_cleared_timer_is_silent_and_can_be_set_again),
          TEST_CASE(a_timer_may_set_itself_again), TEST_CASE(a_timer_may_free_one_that_is_due_as_well),
          TEST_CASE(no_answer_of_the_engine_is_older_than_a_watch),
          TEST_CASE(a_watch_lies_where_its_address_is_nobody_elses_token))
