/* test_loop_descriptors.c: loop.h on what only Unix has: descriptors with room, hang-ups, signals. */
#include "loop_case.h"

#include "proto/calls.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

static void nonblocking_pair(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fcntl(ends[i], F_SETFL, O_NONBLOCK), 0);
}

static void close_pair(const int ends[2]) {
    close(ends[0]);
    close(ends[1]);
}

/* A watch for room is called when there will be none: the write then returns the cause. */
static void an_error_is_told_to_who_waits_for_room(void **state) {
    static const char bytes[4096];
    struct actor actor;
    int ends[2];

    (void)state;
    loop_begin();
    assert_int_equal(calls_pipe(ends, false), 0);
    while (write(ends[1], bytes, sizeof bytes) > 0)
        ;
    actor_init(&actor, ends[1], actor_stop);
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
    loop_begin();
    nonblocking_pair(ends);
    actor_init(&actor, ends[0], actor_stop);
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
    loop_begin();
    nonblocking_pair(ends);
    nonblocking_pair(others);
    actor_init(&silent, ends[0], NULL);
    actor_init(&other, others[0], actor_stop);
    assert_int_equal(loop_watch(loop, &silent.watch, 0), 0);
    close(ends[1]);
    assert_int_equal(loop_watch(loop, &other.watch, LOOP_READ), 0);
    assert_int_equal(write(others[1], "x", 1), 1);
    for (size_t turn = 0; turn < 3; turn++)
        assert_int_equal(loop_run(loop), 0);
    assert_int_equal(silent.calls, 0);
    assert_int_equal(loop_set(&silent.watch, LOOP_READ), 0);
    silent.then = actor_stop;
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
static void a_removed_watch_of_both_directions_is_not_called_in_the_same_turn(void **state) {
    struct actor actors[2];
    int ends[2][2];

    (void)state;
    loop_begin();
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

static void a_callback_may_free_a_watch_of_both_directions(void **state) {
    struct actor *actor = malloc(sizeof(*actor));
    int ends[2];

    (void)state;
    loop_begin();
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
    loop_begin();
    actor_init(&actor, null, NULL);
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_READ), -EPERM);
    assert_null(actor.watch.impl[0]);
    actor_init(&actor, 1000, NULL); /* not open */
    assert_int_equal(loop_watch(loop, &actor.watch, LOOP_WRITE), -EBADF);
    loop_free(loop);
    close(null);
}

static int signal_seen;

static void on_signal(void *context, int number) {
    assert_ptr_equal(context, &signal_seen);
    signal_seen = number;
    loop_stop(loop);
}

static void signals_are_told_in_the_loop(void **state) {
    (void)state;
    loop_begin();
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
    loop_begin();
    nonblocking_pair(ends);
    actor_init(&watcher, ends[0], NULL);
    actor_init(&cleared, OS_FD_NONE, NULL);
    actor_init(&last, OS_FD_NONE, clear_and_stop);
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

TEST_MAIN(TEST_CASE(an_error_is_told_to_who_waits_for_room), TEST_CASE(write_is_told_only_when_asked_for),
          TEST_CASE(without_interest_not_even_a_hang_up_is_told),
          TEST_CASE(a_removed_watch_of_both_directions_is_not_called_in_the_same_turn),
          TEST_CASE(a_callback_may_free_a_watch_of_both_directions),
          TEST_CASE(what_cannot_be_watched_is_an_error_and_leaves_nothing),
          TEST_CASE(signals_are_told_in_the_loop), TEST_CASE(an_idle_loop_does_not_wake_up))
