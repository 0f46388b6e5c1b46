/* test_engine.c: the contract of engine.h, on the kinds of descriptor that every Unix has, or those of Windows. The same file is for every engine. */
#include "engine_pairs.h"

#include <errno.h>

static const unsigned half_closed = ENGINE_READ | ENGINE_HALF_CLOSE;

static void a_file_on_a_disk_is_unsupported(void **state) {
    os_fd files[PAIR_FILES];

    (void)state;
    engine_begin();
    pair_files(files);
    for (size_t i = 0; i < PAIR_FILES; i++) {
        assert_unsupported(files[i]);
        fd_close(files[i]);
    }
    engine_free(engine);
}

static void asking_what_can_be_watched_disturbs_no_watch(void **state) {
    struct engine_watch watch = {0};
    struct pair pair, stream;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_pipe(&pair);
    pair_of_stream(&stream);
    assert_int_equal(arm(&watch, stream.other, ENGINE_WRITE), 0);
    assert_true(engine_can_watch(engine, pair.fd));
    assert_true(engine_can_watch(engine, stream.fd));
    assert_true(told() & ENGINE_WRITE);
    engine_disarm(engine, &watch, stream.other);
    pair.excite(&pair);
    assert_true(engine_can_watch(engine, pair.fd));
    assert_true(sleeps());
    pair_close(&pair);
    pair_close(&stream);
    engine_free(engine);
}

static void the_engine_itself_is_a_cycle(void **state) {
    struct engine_watch watch = {0};

    (void)state;
    engine_begin();
    assert_int_equal(arm(&watch, engine_pollable(engine), ENGINE_READ), ENGINE_E_CYCLE);
    assert_int_equal(engine_watch_interest(&watch), 0);
    engine_free(engine);
}

static void writing_where_nobody_reads_is_told(void **state) {
    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_skip_with(FAULT_NO_ROOM);
    for (size_t interest = ENGINE_READ; interest <= ENGINE_INTERESTS; interest++) {
        struct engine_watch watch = {0};
        struct pair pair;
        engine_begin();
        pair_of_pipe(&pair);
        fd_close(pair.fd);
        assert_int_equal(arm(&watch, pair.other, (unsigned)interest), 0);
        assert_true(told() & (ENGINE_HANG_UP | ENGINE_ERROR));
        assert_int_equal(told(), 0);
        assert_int_equal(arm(&watch, pair.other, (unsigned)interest), 0);
        assert_true(told() & (ENGINE_HANG_UP | ENGINE_ERROR));
        assert_true(probed(pair.other, (unsigned)interest) & (ENGINE_HANG_UP | ENGINE_ERROR));
        engine_disarm(engine, &watch, pair.other);
        fd_close(pair.other);
        engine_free(engine);
    }
}

static void who_waits_for_room_is_told_that_the_reader_has_gone(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_skip_with(FAULT_NO_ROOM);
    engine_begin();
    pair_of_pipe(&pair);
    pair_fill(pair.other);
    assert_int_equal(arm(&watch, pair.other, ENGINE_WRITE), 0);
    assert_int_equal(told(), 0);
    fd_close(pair.fd);
    assert_true(told() & (ENGINE_HANG_UP | ENGINE_ERROR));
    assert_int_equal(told(), 0);
    engine_disarm(engine, &watch, pair.other);
    fd_close(pair.other);
    engine_free(engine);
}

/* The first event, where there is room for no other. */
static void assert_first(unsigned events, uint64_t token) {
    struct engine_event event;

    assert_int_equal(engine_wait(engine, &event, 1), 1);
    assert_int_equal(event.events, events);
    assert_true(event.token == token);
}

/* One event for both directions, and the other direction is not told later. */
static void a_watch_of_both_directions_is_told_once(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_stream(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_INTERESTS), 0);
    assert_int_equal(told(), ENGINE_WRITE);
    pair.excite(&pair);
    fd_await(pair.fd);
    assert_int_equal(told(), 0);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_INTERESTS), 0);
    assert_first(ENGINE_INTERESTS, TOKEN);
    assert_true(sleeps());
    engine_disarm(engine, &watch, pair.fd);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_INTERESTS, TOKEN), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(told(), ENGINE_INTERESTS);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_INTERESTS, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    pair_close(&pair);
    engine_free(engine);
}

static void a_failure_changes_nothing(void **state) {
    struct engine_watch watch = {0}, before;
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair_closed, ENGINE_READ), -EBADF);
    assert_int_equal(engine_watch_interest(&watch), 0);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    before = watch;
    assert_int_equal(arm(&watch, pair_closed, ENGINE_WRITE), -EBADF);
    assert_memory_equal(&watch, &before, sizeof(watch));
    pair.excite(&pair);
    assert_int_equal(told_in_time(), ENGINE_READ);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

static void arming_again_replaces_interest_and_token(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_stream(&pair);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, false, 1), 0);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_WRITE, false, UINT64_MAX), 0);
    assert_first(ENGINE_WRITE, UINT64_MAX);
    pair.excite(&pair);
    fd_await(pair.fd);
    assert_true(sleeps());
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ | ENGINE_WRITE, false, 2), 0);
    assert_first(ENGINE_INTERESTS, 2);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

static void an_edge_watch_tells_of_each_new_activity(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_NO_EDGES);
    engine_begin();
    pair_of_stream(&pair);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, true, TOKEN), 0);
    assert_true(engine_watch_is_edge(&watch));
    assert_int_equal(told(), 0);
    for (size_t i = 0; i < 3; i++) {
        pair.excite(&pair); /* what came before is still unread */
        assert_int_equal(told(), ENGINE_READ);
        assert_int_equal(told(), 0);
    }
    pair_take(pair.fd);
    assert_int_equal(told(), 0);
    /* Arming again looks at the state. */
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, true, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    /* And it can become a watch for one answer. */
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_false(engine_watch_is_edge(&watch));
    assert_int_equal(told(), ENGINE_READ);
    pair.excite(&pair);
    assert_int_equal(told(), 0);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

static void a_number_used_again_tells_nothing_of_the_old(void **state) {
    struct engine_watch old = {0}, new = {0};
    struct engine_event event;
    struct pair first, second;

    (void)state;
    engine_begin();
    pair_of_pipe(&first);
    os_fd copy = os_dup(first.fd); /* the open file lives on */
    assert_int_equal(engine_arm(engine, &old, first.fd, ENGINE_READ, false, 1), 0);
    engine_disarm(engine, &old, first.fd);
    fd_close(first.fd);
    pair_of_pipe(&second);
    assert_true(first.fd == second.fd || second.other == first.fd);
    assert_int_equal(engine_arm(engine, &new, second.fd, ENGINE_READ, false, 2), 0);
    first.excite(&first);
    fd_await(copy);
    assert_true(sleeps());
    second.excite(&second);
    assert_int_equal(engine_sleep(engine, &event, 1, -1), 1);
    assert_true(event.events == ENGINE_READ && event.token == 2);
    engine_disarm(engine, &new, second.fd);
    first.fd = copy;
    pair_close(&first);
    pair_close(&second);
    engine_free(engine);
}

static void an_entry_that_vanished_is_made_again(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;
    os_fd number;

    (void)state;
    engine_skip_with(FAULT_KEEPS_CLOSED);
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    number = pair.fd;
    pair_close(&pair); /* too early: the kernel drops its entry */
    pair_of_pipe(&pair);
    assert_true(pair.fd == number);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    pair.excite(&pair);
    assert_int_equal(told_in_time(), ENGINE_READ);
    engine_disarm(engine, &watch, pair.fd);
    engine_disarm(engine, &watch, pair.fd); /* harmless */
    pair_close(&pair);
    engine_free(engine);
}

/* Linux says error, others hang-up. */
static bool is_gone(unsigned events) {
    return events && !(events & ~(unsigned)(ENGINE_HANG_UP | ENGINE_ERROR));
}

static void the_other_direction_tells_a_hang_up(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_skip_with(FAULT_NO_ROOM);
    engine_begin();
    for (size_t unread = 0; unread <= 2; unread++) { /* the reading end, watched for writing */
        pair_of_pipe(&pair);
        if (unread == 1)
            pair.excite(&pair);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
        if (unread == 2)
            pair.excite(&pair);
        assert_int_equal(told(), 0);
        fd_close(pair.other);
        assert_int_equal(told(), ENGINE_HANG_UP);
        assert_true(sleeps());
        assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
        assert_int_equal(told(), ENGINE_HANG_UP);
        assert_int_equal(probed(pair.fd, ENGINE_WRITE), ENGINE_HANG_UP);
        engine_disarm(engine, &watch, pair.fd);
        fd_close(pair.fd);
    }

    pair_of_pipe(&pair); /* the writing end, watched for reading */
    assert_int_equal(arm(&watch, pair.other, ENGINE_READ), 0);
    fd_close(pair.fd);
    assert_true(is_gone(told()));
    assert_true(is_gone(probed(pair.other, ENGINE_READ)));
    engine_disarm(engine, &watch, pair.other);
    fd_close(pair.other);
    engine_free(engine);
}

static void a_hang_up_is_told(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    fd_close(pair.other);
    assert_int_equal(told_in_time(), ENGINE_HANG_UP);
    assert_int_equal(probed(pair.fd, ENGINE_READ), ENGINE_HANG_UP);
    engine_disarm(engine, &watch, pair.fd);
    fd_close(pair.fd);

    pair_of_pipe(&pair); /* with bytes left */
    pair.excite(&pair);
    fd_close(pair.other);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_int_equal(told(), ENGINE_READ | ENGINE_HANG_UP);
    assert_int_equal(probed(pair.fd, ENGINE_READ), ENGINE_READ | ENGINE_HANG_UP);
    engine_disarm(engine, &watch, pair.fd);
    fd_close(pair.fd);

    pair_of_stream(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    fd_close(pair.other);
    assert_int_equal(told_in_time(), pair_stream_gone);
    assert_int_equal(probed(pair.fd, ENGINE_READ), pair_stream_gone);
    engine_disarm(engine, &watch, pair.fd);
    fd_close(pair.fd);
    engine_free(engine);
}

static void half_close_is_told_with_read_only(void **state) {
    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    for (size_t tcp = 0; tcp < 2; tcp++) {
        struct engine_watch watch = {0};
        struct pair pair;
        unsigned room = tcp ? ENGINE_WRITE : 0; /* the peer may acknowledge some bytes at any time */
        engine_begin();
        if (tcp)
            pair_of_tcp(&pair);
        else
            pair_of_stream(&pair);
        pair_fill(pair.fd);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
        assert_int_equal(told() & ~room, 0);
        pair_shut(&pair);
        assert_int_equal(told() & ~room, 0);
        assert_int_equal(probed(pair.fd, ENGINE_WRITE) & ~room, 0);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
        assert_int_equal(told(), half_closed);
        assert_int_equal(probed(pair.fd, ENGINE_READ), half_closed);
        engine_disarm(engine, &watch, pair.fd);
        pair_close(&pair);
        engine_free(engine);
    }
}

/* Where there are no edges there is no such watch. */
static void nothing_but_a_hang_up_is_told_who_asks_for_that_alone(void **state) {
    void (*const make[])(struct pair * pair) = {pair_of_pipe, pair_of_stream};

    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_skip_with(FAULT_NO_EDGES);
    for (size_t i = 0; i < sizeof(make) / sizeof(*make); i++) {
        struct engine_watch watch = {0};
        struct pair pair;
        engine_begin();
        make[i](&pair);
        assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_HANG_UP, true, TOKEN),
                         ENGINE_HAS_EDGES ? 0 : ENGINE_E_UNSUPPORTED);
        assert_true(engine_watch_is_for_hang_up(&watch) == ENGINE_HAS_EDGES);
        assert_int_equal(engine_watch_interest(&watch), 0);
        if (ENGINE_HAS_EDGES) {
            pair.excite(&pair);
            fd_await(pair.fd);
            assert_int_equal(told(), 0);
            if (i == 1) {
                pair_take(pair.fd);
                pair_shut(&pair);
            }
            assert_int_equal(told(), 0);
            fd_close(pair.other);
            assert_true(told_in_time() & ENGINE_HANG_UP);
            assert_true(engine_watch_is_for_hang_up(&watch));
            assert_int_equal(told(), 0); /* once */
            engine_disarm(engine, &watch, pair.fd);
            assert_false(engine_watch_is_for_hang_up(&watch));
        } else {
            fd_close(pair.other);
        }
        fd_close(pair.fd);
        engine_free(engine);
    }
}

static void a_hang_up_alone_is_told_who_writes(void **state) {
    (void)state;
    engine_skip_with(FAULT_ONE_FILTER);
    engine_skip_with(FAULT_NO_ROOM);
    engine_skip_with(FAULT_NO_EDGES);
    for (size_t early = 0; early < 2; early++) {
        struct engine_watch watch = {0};
        struct pair pair;
        engine_begin();
        pair_of_pipe(&pair);
        if (early)
            fd_close(pair.fd);
        assert_int_equal(engine_arm(engine, &watch, pair.other, ENGINE_HANG_UP, true, TOKEN), 0);
        if (!early) {
            assert_int_equal(told(), 0);
            pair.excite(&pair);
            assert_int_equal(told(), 0);
            pair_take(pair.fd);
            assert_int_equal(told(), 0);
            fd_close(pair.fd);
        }
        assert_true(is_gone(told()));
        assert_int_equal(told(), 0); /* once */
        engine_disarm(engine, &watch, pair.other);
        fd_close(pair.other);
        engine_free(engine);
    }
}

/* The first end of a connection that the other has reset, once a watch for writing has told it. */
static void reset_and_tell(struct pair *pair, struct engine_watch *watch) {
    unsigned events;

    pair_of_tcp(pair);
    pair_reset(pair);
    do { /* it may still be on its way, and there is room */
        assert_int_equal(arm(watch, pair->fd, ENGINE_WRITE), 0);
        events = told_in_time();
    } while (events == ENGINE_WRITE);
    assert_true(events & ENGINE_ERROR);
}

static void a_reset_connection_is_an_error(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_begin();
    reset_and_tell(&pair, &watch);
    engine_disarm(engine, &watch, pair.fd);
    fd_close(pair.fd);
    engine_free(engine);
}

static void telling_an_error_takes_it_from_nobody(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;
    bool is_told;

    (void)state;
    engine_skip_with(FAULT_TAKES_ERROR);
    pair_of_tcp(&pair);
    pair_reset(&pair);
    is_told = pair_was_reset(pair.fd);
    fd_close(pair.fd);
    if (!is_told)
        test_skip("wine tells no reset to who reads, also where nobody has watched");
    engine_begin();
    reset_and_tell(&pair, &watch);
    assert_true(probed(pair.fd, ENGINE_WRITE) & ENGINE_ERROR);
    assert_true(pair_was_reset(pair.fd));
    engine_disarm(engine, &watch, pair.fd);
    fd_close(pair.fd);
    engine_free(engine);
}

static void two_copies_of_one_open_file_are_two_watches(void **state) {
    struct engine_watch watches[2] = {{0}, {0}};
    struct engine_event events[4];
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    os_fd copy = os_dup(pair.fd);
    assert_int_equal(engine_arm(engine, &watches[0], pair.fd, ENGINE_READ, false, 1), 0);
    assert_int_equal(engine_arm(engine, &watches[1], copy, ENGINE_READ, false, 2), 0);
    pair.excite(&pair);
    for (size_t n = 0; n < 2; n += (size_t)engine_sleep(engine, events + n, 4 - n, -1))
        ;
    assert_true(events[0].token + events[1].token == 3);
    engine_disarm(engine, &watches[0], pair.fd);
    assert_int_equal(engine_arm(engine, &watches[1], copy, ENGINE_READ, false, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    engine_disarm(engine, &watches[1], copy);
    fd_close(copy);
    pair_close(&pair);
    engine_free(engine);
}

/* More that are ready than are asked for at once: each is told once, none is lost. */
static void many_answers_come_in_portions(void **state) {
    enum { MANY = 300 };
    struct engine_watch watches[MANY] = {{0}};
    struct engine_event events[200];
    size_t times[MANY] = {0}, total = 0;
    os_fd fds[MANY];
    int n;
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    pair.excite(&pair);
    for (size_t i = 0; i < MANY; i++) {
        fds[i] = os_dup(pair.fd);
        assert_int_equal(engine_arm(engine, &watches[i], fds[i], ENGINE_READ, false, i), 0);
    }
    assert_int_equal(engine_wait(engine, events, 1), 1);
    times[events[0].token]++;
    while ((n = engine_wait(engine, events, 200)) > 0) {
        for (int i = 0; i < n; i++)
            times[events[i].token]++;
        total += (size_t)n;
    }
    assert_int_equal(n, 0);
    assert_int_equal(total, MANY - 1);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(times[i], 1);
        engine_disarm(engine, &watches[i], fds[i]);
        fd_close(fds[i]);
    }
    pair_close(&pair);
    engine_free(engine);
}

static void the_engine_is_readable_when_it_has_something_to_tell(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_NOT_POLLABLE);
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_false(pair_engine_is_readable(engine, false));
    pair.excite(&pair);
    assert_true(pair_engine_is_readable(engine, true));
    assert_int_equal(told(), ENGINE_READ);
    assert_false(pair_engine_is_readable(engine, false));
    assert_false(pair_is_inherited(engine_pollable(engine)));
    assert_non_null(engine_name());
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
    engine_free(NULL);
}

static void probing_many_at_once(void **state) {
    struct engine_probe probes[ENGINE_PROBES + 1];
    struct pair idle, ready;

    (void)state;
    pair_of_pipe(&idle);
    pair_of_pipe(&ready);
    ready.excite(&ready);
    for (size_t i = 0; i < ENGINE_PROBES + 1; i++)
        probes[i] =
            (struct engine_probe){.fd = i % 2 ? ready.fd : idle.fd, .interest = ENGINE_READ, .events = 0xff};
    probes[4] = (struct engine_probe){.fd = pair_closed, .interest = ENGINE_READ}; /* not open */
    assert_int_equal(engine_probe(probes, ENGINE_PROBES), 0);
    for (size_t i = 0; i < ENGINE_PROBES; i++)
        assert_int_equal(probes[i].events, i == 4 ? ENGINE_ERROR : i % 2 ? ENGINE_READ : 0);
    assert_int_equal(engine_probe(probes, ENGINE_PROBES + 1), -EINVAL);
    assert_int_equal(engine_probe(probes, 0), 0);
    pair_close(&idle);
    pair_close(&ready);
}

static void what_is_kept_is_told_as_long_as_it_holds(void **state) {
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(engine_keep(engine, pair.fd, 0, 0, TOKEN), 0);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), 0);
    pair.excite(&pair);
    assert_int_equal(told_in_time(), ENGINE_READ);
    for (int i = 0; i < 3; i++)
        assert_int_equal(told_again(), ENGINE_READ);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    assert_int_equal(told(), 0);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told_again(), ENGINE_READ);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    pair_close(&pair);
    engine_free(engine);
}

static void what_is_not_kept_hides_even_a_hang_up(void **state) {
    struct pair pair;

    (void)state;
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), 0);
    fd_close(pair.other);
    assert_int_equal(told_in_time(), ENGINE_HANG_UP);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    assert_int_equal(told(), 0);
    fd_close(pair.fd);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_READ, TOKEN), -EBADF);
    engine_free(engine);
}

static void sleeping_ends_with_an_answer_or_in_time(void **state) {
    struct engine_event event;
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    engine_skip_with(FAULT_SHORT_TIMEOUT);
    engine_begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    int64_t start = os_now_us();
    assert_int_equal(engine_sleep(engine, &event, 1, 1500), 0);
    assert_true(os_now_us() - start >= 1500);
    assert_int_equal(engine_sleep(engine, &event, 1, 0), 0);
    pair.excite(&pair);
    assert_int_equal(engine_sleep(engine, &event, 1, -1), 1);
    assert_int_equal(event.token, TOKEN);
    assert_int_equal(event.events, ENGINE_READ);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

ENGINE_MAIN(ENGINE_CASES_OF_KINDS, ENGINE_CASE(a_file_on_a_disk_is_unsupported),
            ENGINE_CASE(asking_what_can_be_watched_disturbs_no_watch),
            ENGINE_CASE(the_engine_itself_is_a_cycle), ENGINE_CASE(writing_where_nobody_reads_is_told),
            ENGINE_CASE(who_waits_for_room_is_told_that_the_reader_has_gone),
            ENGINE_CASE(a_watch_of_both_directions_is_told_once), ENGINE_CASE(a_failure_changes_nothing),
            ENGINE_CASE(arming_again_replaces_interest_and_token),
            ENGINE_CASE(an_edge_watch_tells_of_each_new_activity),
            ENGINE_CASE(a_number_used_again_tells_nothing_of_the_old),
            ENGINE_CASE(an_entry_that_vanished_is_made_again),
            ENGINE_CASE(the_other_direction_tells_a_hang_up), ENGINE_CASE(a_hang_up_is_told),
            ENGINE_CASE(half_close_is_told_with_read_only),
            ENGINE_CASE(nothing_but_a_hang_up_is_told_who_asks_for_that_alone),
            ENGINE_CASE(a_hang_up_alone_is_told_who_writes), ENGINE_CASE(a_reset_connection_is_an_error),
            ENGINE_CASE(telling_an_error_takes_it_from_nobody),
            ENGINE_CASE(two_copies_of_one_open_file_are_two_watches),
            ENGINE_CASE(many_answers_come_in_portions),
            ENGINE_CASE(the_engine_is_readable_when_it_has_something_to_tell),
            ENGINE_CASE(probing_many_at_once), ENGINE_CASE(what_is_kept_is_told_as_long_as_it_holds),
            ENGINE_CASE(what_is_not_kept_hides_even_a_hang_up),
            ENGINE_CASE(sleeping_ends_with_an_answer_or_in_time))
