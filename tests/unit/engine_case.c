/* engine_case.c: see engine_case.h. */
#include "engine_case.h"

#include <errno.h>

struct engine *engine;

int engine_before(void **state) { return test_before(state); }

int engine_after(void **state) {
    emulation_settle(test_fds_before());
    return test_after(state);
}

void engine_begin(void) {
    engine = engine_new();
    assert_non_null(engine);
}

static unsigned of_token(const struct engine_event *event, int n) {
    assert_in_range(n, 0, 1);
    if (n == 0)
        return 0;
    assert_int_equal(event->token, TOKEN);
    return event->events;
}

unsigned told(void) {
    struct engine_event events[4];

    return of_token(events, engine_wait(engine, events, 4));
}

unsigned told_in_time(void) {
    struct engine_event events[4];

    return of_token(events, engine_sleep(engine, events, 4, -1));
}

bool sleeps(void) {
    enum { US = 2000 };
    struct engine_event event;
    int64_t start = os_now_us();

    return engine_sleep(engine, &event, 1, US) == 0 && os_now_us() - start >= US;
}

int arm(struct engine_watch *watch, os_fd fd, unsigned interest) {
    return engine_arm(engine, watch, fd, interest, false, TOKEN);
}

unsigned probed(os_fd fd, unsigned interest) {
    struct engine_probe probe = {.fd = fd, .interest = (uint8_t)interest};

    assert_int_equal(engine_probe(&probe, 1), 0);
    return probe.events;
}

/* With a new engine, and a watch in it that is not armed. Only a kind of socket that this system lacks is left out. */
static void with_each_kind(void (*check)(struct pair *pair, struct engine_watch *watch)) {
    for (const struct kind *kind = engine_kinds; kind->name; kind++) {
        struct engine_watch watch = {0};
        struct pair pair;
        engine_begin();
        kind->make(&pair);
        print_message("%s%s\n", kind->name, pair.fd == OS_FD_NONE ? ": skipped: this system has none" : "");
        if (pair.fd == OS_FD_NONE) {
            assert_int_equal(errno, EPROTONOSUPPORT);
        } else {
            check(&pair, &watch);
            engine_disarm(engine, &watch, pair.fd);
            pair_close(&pair);
        }
        engine_free(engine);
    }
}

/* Idle, excited while armed, told once, still ready when armed again, silent after disarming. */
static void is_told_once(struct pair *pair, struct engine_watch *watch) {
    assert_int_equal(arm(watch, pair->fd, ENGINE_READ), 0);
    assert_int_equal(engine_watch_interest(watch), ENGINE_READ);
    assert_false(engine_watch_is_edge(watch));
    assert_int_equal(told(), 0);
    assert_int_equal(probed(pair->fd, ENGINE_READ), 0);
    pair->excite(pair);
    assert_true(told_in_time() & ENGINE_READ);
    assert_int_equal(told(), 0);
    assert_true(sleeps());
    assert_true(probed(pair->fd, ENGINE_READ) & ENGINE_READ);
    assert_int_equal(arm(watch, pair->fd, ENGINE_READ), 0);
    assert_true(told() & ENGINE_READ);
    assert_int_equal(arm(watch, pair->fd, ENGINE_READ), 0);
    engine_disarm(engine, watch, pair->fd);
    assert_int_equal(engine_watch_interest(watch), 0);
    assert_int_equal(told(), 0);
}

void every_kind_is_told_once_when_it_becomes_readable(void **state) {
    (void)state;
    with_each_kind(is_told_once);
}

static void is_told_when_readable_already(struct pair *pair, struct engine_watch *watch) {
    pair->excite(pair);
    fd_await(pair->fd);
    assert_int_equal(arm(watch, pair->fd, ENGINE_READ), 0);
    assert_true(told() & ENGINE_READ);
}

void every_kind_is_told_when_it_is_readable_already(void **state) {
    (void)state;
    with_each_kind(is_told_when_readable_already);
}

static void is_told_of_room(struct pair *pair, struct engine_watch *watch) {
    assert_int_equal(arm(watch, pair->fd, ENGINE_WRITE), pair->is_one_way ? ENGINE_E_UNSUPPORTED : 0);
    assert_int_equal(told(), pair->writable ? ENGINE_WRITE : 0);
    if (pair->is_one_way)
        return;
    assert_int_equal(probed(pair->fd, ENGINE_WRITE), pair->writable ? ENGINE_WRITE : 0);
}

void writing_is_told_where_there_is_room(void **state) {
    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    with_each_kind(is_told_of_room);
}

static void keeps_its_flags(struct pair *pair, struct engine_watch *watch) {
    unsigned before = fd_flags(pair->fd);

    assert_int_equal(arm(watch, pair->fd, pair->is_one_way ? ENGINE_READ : ENGINE_INTERESTS), 0);
    (void)told();
    (void)probed(pair->fd, ENGINE_READ);
    assert_int_equal(fd_flags(pair->fd), before);
}

void the_flags_of_the_open_file_are_not_changed(void **state) {
    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    with_each_kind(keeps_its_flags);
}

void assert_unsupported(os_fd fd) {
    struct engine_watch watch = {0};

    assert_true(fd != OS_FD_NONE);
    assert_false(engine_can_watch(engine, fd));
    assert_int_equal(arm(&watch, fd, ENGINE_READ), ENGINE_E_UNSUPPORTED);
    assert_int_equal(engine_watch_interest(&watch), 0);
    assert_int_equal(probed(fd, ENGINE_READ | ENGINE_WRITE), ENGINE_READ | ENGINE_WRITE);
}
