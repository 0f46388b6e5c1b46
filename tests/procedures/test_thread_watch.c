/* test_thread_watch.c: descriptors that only a poller thread may poll (epoll descriptors, terminals): their objects behave like
 * all others, also while the thread has not answered yet. */
#include "ports.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { WORKERS = 4, ROUNDS = 50 };

/* Readable while ends[0] is. */
static int make_epoll(int ends[2]) {
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    make_pipe(ends);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    return epoll;
}

/* ---- waits ------------------------------------------------------------------------------------------------------- */

static void all_that_are_ready_are_told(void **state) {
    portd_client *c = fixture_client(NULL);
    int of_epoll[2], plain[2], pty[2];
    portd_ready ready[4];

    (void)state;
    int epoll = make_epoll(of_epoll);
    make_pipe(plain);
    make_pty(pty);
    portd_id ids[4] = {ask_evt(c, epoll, READ), ask_evt(c, plain[0], READ), ask_evt(c, pty[0], READ),
                       ask_semaphore(c, epoll, READ)};
    assert_int_equal(portd_wait(c, ids, 4, 0, portd_now(), ready), 0);
    struct inflight *any = ask_park(c, ids, 4, 0), *all = ask_park(c, ids, 4, PORTD_WAIT_ALL);
    fd_say(pty[1], "line\n");
    assert_int_equal(ask_answer(any), 1);
    assert_true(any->ready[0].id == ids[2]);
    assert_true(ask_still_inflight(all));
    put(of_epoll[1]);
    assert_until(c, ids[3], READY);
    assert_int_equal(portd_wait(c, ids, 4, 0, portd_now(), ready), 3);
    assert_true(ready[0].id == ids[0] && ready[1].id == ids[2] && ready[2].id == ids[3]);
    assert_true(ask_still_inflight(all));
    put(plain[1]);
    assert_int_equal(ask_answer(all), 4);
    assert_int_equal(portd_wait(c, ids, 4, PORTD_WAIT_ALL, portd_now(), ready), 4);
    (void)drain(of_epoll[0]);
    assert_cause(c, ids[0], IDLE);
    assert_cause(c, ids[3], READY);
}

/* However short the time: what is ready at the call is told. */
static void a_limit_that_passes_at_once(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int ends[2];

    (void)state;
    portd_id id = ask_evt(c, make_epoll(ends), READ);
    put(ends[1]);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(portd_wait(c, &id, 1, 0, portd_now() + i % 3, &ready), 1);
    (void)drain(ends[0]);
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(portd_wait(c, &id, 1, 0, portd_now() + i % 3, &ready), 0);
}

/* What a wait was told is not told to the next one, which begins after it was drained. */
static void nothing_old_is_told(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    portd_id id = ask_evt(c, make_epoll(ends), READ);
    for (int i = 0; i < ROUNDS; i++) {
        struct inflight *one = ask_park_one(c, id, 0), *other = ask_park_one(c, id, 0);
        if (i % 2)
            portd_cancel(other->request);
        put(ends[1]);
        assert_answer(one, id, READY);
        (void)ask_answer(other);
        (void)drain(ends[0]);
        struct inflight *next = ask_park_one(c, id, 0);
        assert_true(ask_still_inflight(next));
        portd_cancel(next->request);
        (void)ask_answer(next);
    }
}

static void wake_one(void **state) {
    portd_client *clients[WORKERS];
    struct inflight *waits[WORKERS];
    int ends[2];

    (void)state;
    for (int i = 0; i < WORKERS; i++)
        clients[i] = i ? fixture_joined(clients[0]) : fixture_client(NULL);
    portd_id id = ask_evt(clients[0], make_epoll(ends), READ);
    for (int i = 0; i < WORKERS; i++)
        waits[i] = ask_park_one(clients[i], id, PORTD_WAIT_ONE);
    /* The thread has looked for those before the first look, and watches before the second: a byte that comes while it begins to may
     * count twice. */
    assert_cause(clients[0], id, IDLE);
    assert_cause(clients[0], id, IDLE);
    put(ends[1]);
    assert_answer(waits[0], id, READY);
    for (int i = 1; i < WORKERS; i++)
        assert_true(ask_still_inflight(waits[i]));
    /* The answered one ends, and the event is still ready. */
    fixture_abandon(clients[0]);
    assert_answer(waits[1], id, READY);
    assert_true(ask_still_inflight(waits[2]));
    (void)drain(ends[0]);
    put(ends[1]);
    assert_answer(waits[2], id, READY);
    assert_true(ask_still_inflight(waits[3]));
}

/* Until the thread has armed what was asked for before, and told what that reports: it does so after the first look at the latest, and before
 * the second. */
static void settle(portd_client *c, portd_id id, int cause) {
    assert_cause(c, id, cause);
    assert_cause(c, id, cause);
}

/* What is made for a descriptor that is watched for them already, and still ready, is no activity. The end of the one answered is. */
static void what_is_made_answers_nobody(void **state) {
    portd_client *clients[WORKERS];
    struct inflight *waits[WORKERS];
    int pty[2];

    (void)state;
    make_pty(pty);
    for (int i = 0; i < WORKERS; i++)
        clients[i] = i ? fixture_joined(clients[0]) : fixture_client(NULL);
    portd_id id = ask_evt(clients[0], pty[0], READ);
    for (int i = 0; i < WORKERS; i++)
        waits[i] = ask_park_one(clients[i], id, PORTD_WAIT_ONE);
    settle(clients[WORKERS - 1], id, IDLE);
    fd_say(pty[1], "line\n");
    assert_answer(waits[0], id, READY);
    for (int i = 0; i < ROUNDS; i++) {
        assert_until(clients[WORKERS - 1], ask_semaphore(clients[WORKERS - 1], pty[0], READ), READY);
        settle(clients[WORKERS - 1], id, READY);
        for (int worker = 1; worker < WORKERS; worker++)
            assert_true(ask_still_inflight(waits[worker]));
    }
    fixture_abandon(clients[0]);
    assert_answer(waits[1], id, READY);
    settle(clients[WORKERS - 1], id, READY);
    assert_true(ask_still_inflight(waits[2]));
    fd_hear(pty[0], "line\n");
    fd_say(pty[1], "line\n");
    assert_answer(waits[2], id, READY);
    assert_true(ask_still_inflight(waits[3]));
}

static void on_answer(portd_client *client, const portd_result *result, void *data) {
    int *code = data;

    (void)client;
    *code = result->code;
}

/* Looks at so many that the loop is busy while the thread has something to tell. */
static void keep_busy(portd_client *client, portd_id idle) {
    enum { LOOKS = 8, TARGETS = 256 };
    static int code;
    portd_id ids[TARGETS];
    portd_request *request;

    for (int i = 0; i < TARGETS; i++)
        ids[i] = idle;
    for (int i = 0; i < LOOKS; i++)
        assert_int_equal(portd_wait_start(client, ids, TARGETS, 0, portd_now(), on_answer, &code, &request),
                         1);
}

/* A wait that begins just when there is an activity, of which the watch by edges does not tell twice. */
static void a_wait_that_begins_beside_wake_one(void **state) {
    enum { TIMES = 1000, SPREAD_US = 200, NONE = -1000 };
    portd_client *pool = fixture_client(NULL), *c = fixture_joined(pool);
    static int code; /* is told at the end of the case, too */
    int pty[2], p[2];

    (void)state;
    make_pty(pty);
    make_pipe(p);
    portd_id id = ask_evt(pool, pty[0], READ), idle = ask_evt(pool, p[0], READ);
    struct inflight *first = ask_park_one(pool, id, PORTD_WAIT_ONE),
                    *second = ask_park_one(pool, id, PORTD_WAIT_ONE);
    for (int i = 0; i < TIMES; i++) {
        unsigned flags = i % 2 ? PORTD_WAIT_ALL : 0;
        portd_request *request;
        code = NONE;
        assert_int_equal(portd_wait_start(c, &id, 1, flags, PORTD_FOREVER, on_answer, &code, &request), 1);
        keep_busy(c, idle);
        assert_true(portd_process(c) >= 0);
        for (int64_t then = portd_now() + i % SPREAD_US; portd_now() < then;)
            (void)sched_yield();
        fd_say(pty[1], "line\n");
        while (code == NONE)
            assert_true(portd_poll(c, fixture_soon()) > 0);
        assert_int_equal(code, 1);
        assert_answer(first, id, READY);
        fd_hear(pty[0], "line\n");
        first = second;
        second = ask_park_one(pool, id, PORTD_WAIT_ONE);
    }
}

/* ---- what is being made ------------------------------------------------------------------------------------------ */

struct made {
    int code;
    portd_id id;
    size_t answers;
};

static void on_made(portd_client *client, const portd_result *result, void *data) {
    struct made *made = data;

    (void)client;
    made->code = result->code;
    made->id = result->id;
    if (result->handle >= 0)
        (void)fixture_own((int)result->handle);
    made->answers++;
}

static void until_made(portd_client *c, const struct made *made, size_t answers) {
    while (made->answers < answers)
        assert_true(portd_poll(c, fixture_soon()) >= 0);
}

static void start(portd_client *c, int fd, int mode, struct made *made) {
    portd_request *request;

    assert_int_equal(portd_fd_to_semaphore_start(c, fd, mode, on_made, made, &request), 1);
}

static void a_remove_behind_a_create_ends_it(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    int epoll = make_epoll(ends);
    for (int i = 0; i < ROUNDS; i++) {
        struct made created = {0}, removed = {0};
        start(c, epoll, READ, &created);
        start(c, epoll, REMOVE, &removed);
        until_made(c, &created, 1);
        until_made(c, &removed, 1);
        assert_int_equal(created.code, 1);
        assert_int_equal(removed.code, 0);
        assert_cause(c, created.id, REMOVED);
        assert_none(ask_semaphore(c, epoll, CHECK_READ));
    }
}

/* Its answer comes when the copy is closed: the master sees at once that nobody has the terminal any more. */
static void a_remove_behind_a_create_waits_for_the_close(void **state) {
    portd_client *c = fixture_client(NULL);
    int pty[2];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct made created[2] = {{0}}, removed = {0};
        make_pty(pty);
        start(c, pty[0], READ, &created[0]);
        start(c, pty[0], WRITE, &created[1]);
        start(c, pty[0], REMOVE, &removed);
        assert_int_equal(portd_ping(c, fixture_soon()), 1); /* the broker has its copies */
        fixture_close(pty[0]);
        until_made(c, &removed, 1);
        struct pollfd master = {.fd = pty[1], .events = POLLIN};
        assert_int_equal(poll(&master, 1, 0), 1);
        assert_true(master.revents & POLLHUP);
        fixture_close(pty[1]);
    }
}

/* Nor does it wait for what is made behind it. */
static void a_create_behind_the_remove_keeps_it(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    int epoll = make_epoll(ends);
    for (int i = 0; i < ROUNDS; i++) {
        struct made created[2] = {{0}}, removed = {0};
        start(c, epoll, READ, &created[0]);
        start(c, epoll, REMOVE, &removed);
        start(c, epoll, READ, &created[1]);
        until_made(c, &removed, 1);
        until_made(c, &created[1], 1);
        assert_cause(c, created[0].id, REMOVED);
        assert_cause(c, created[1].id, IDLE);
        ask_no_semaphores(c, epoll);
    }
}

static void another_file_behind_a_create_replaces_it(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], others[2];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct made first = {0}, second = {0};
        int fd = make_epoll(ends);
        start(c, fd, READ, &first);
        make_at(make_epoll(others), fd);
        start(c, fd, READ, &second);
        until_made(c, &first, 1);
        until_made(c, &second, 1);
        assert_int_equal(first.code, 1);
        assert_int_equal(second.code, 1);
        assert_new(first.id, second.id);
        assert_cause(c, first.id, REPLACED);
        assert_cause(c, second.id, IDLE);
        put(others[1]);
        assert_until(c, second.id, READY);
    }
}

static void two_creates_make_one(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    int epoll = make_epoll(ends);
    struct made first = {0}, second = {0};
    start(c, epoll, READ, &first);
    start(c, epoll, READ, &second);
    until_made(c, &first, 1);
    until_made(c, &second, 1);
    assert_same(first.id, second.id);
    assert_same(ask_semaphore(c, epoll, CHECK_READ), first.id);
}

static void a_client_that_goes_meanwhile(void **state) {
    int ends[2];

    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        portd_client *c = fixture_client(NULL);
        struct made made[3] = {{0}};
        int epoll = make_epoll(ends);
        portd_id evt = ask_evt(c, epoll, READ);
        portd_request *request;
        start(c, epoll, READ, &made[0]);
        start(c, epoll, WRITE, &made[1]);
        assert_int_equal(portd_handle_dup_start(c, evt, on_made, &made[2], &request), 1);
        fixture_disconnect(c);
    }
    fixture_until_fds(fixture_broker(), 0);
}

/* ---- handles ----------------------------------------------------------------------------------------------------- */

static void a_handle_follows(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    struct made made[2] = {{0}};
    portd_request *request;
    int ends[2];

    (void)state;
    int epoll = make_epoll(ends);
    portd_id id = ask_evt(c, epoll, READ);
    /* Two ask at once, and get the same. */
    assert_int_equal(portd_handle_dup_start(c, id, on_made, &made[0], &request), 1);
    assert_int_equal(portd_handle_dup_start(other, id, on_made, &made[1], &request), 1);
    until_made(c, &made[0], 1);
    until_made(other, &made[1], 1);
    int handle = ask_handle(c, id);
    assert_true(fd_same(handle, ask_handle(other, id)));
    assert_false(ask_handle_ready(handle));
    put(ends[1]);
    assert_true(ask_handle_ready(handle));
    (void)drain(ends[0]);
    assert_false(ask_handle_ready(handle));
    ask_no_evts(c, epoll);
    assert_true(ask_handle_ready(handle));
    assert_true(ask_handle_ready(ask_handle(c, id)));
}

/* ---- signals ------------------------------------------------------------------------------------------------------ */

/* The first of the loop's own that is ready, which it asks about itself; -1: none. */
static int own_ready(int epoll) {
    struct epoll_event event = {.data.fd = -1};

    return epoll_wait(epoll, &event, 1, 0) == 1 ? event.data.fd : -1;
}

/* A program's event loop with signals in it. A thread that polls that loop's epoll has the kernel look for its own signals, which must not make the
 * program miss its signal. */
static void a_program_does_not_miss_its_signals(void **state) {
    static const int signals[] = {SIGUSR1, SIGCHLD, SIGTERM, SIGHUP};
    portd_client *c = fixture_client(NULL);
    sigset_t blocked, before;

    (void)state;
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        int ends[2], epoll = make_epoll(ends);
        struct signalfd_siginfo info;
        (void)sigemptyset(&blocked);
        (void)sigaddset(&blocked, signals[i]);
        (void)sigprocmask(SIG_BLOCK, &blocked, &before);
        int fd = fixture_own(signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        int outer = fixture_own(epoll_create1(EPOLL_CLOEXEC));
        struct epoll_event inner = {.events = EPOLLIN, .data.fd = epoll};
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
        assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, epoll, &inner), 0);
        portd_id id = ask_evt(c, epoll, READ), once = ask_semaphore(c, epoll, READ);
        portd_id nested = ask_evt(c, outer, READ);
        assert_cause(c, id, IDLE);
        assert_cause(c, nested, IDLE);
        put(ends[1]);
        assert_until(c, id, READY);
        assert_until(c, once, READY);
        (void)drain(ends[0]);
        assert_cause(c, id, IDLE);
        struct inflight *inflight = ask_park_one(c, id, 0);
        assert_int_equal(raise(signals[i]), 0);
        assert_answer(inflight, id, READY);
        assert_cause(c, id, READY);
        assert_until(c, nested, READY);
        assert_int_equal(own_ready(outer), epoll);
        assert_int_equal(own_ready(epoll), fd);
        assert_int_equal(read(fd, &info, sizeof(info)), sizeof(info));
        assert_int_equal(info.ssi_signo, (uint32_t)signals[i]);
        assert_int_equal(own_ready(epoll), -1);
        assert_cause(c, id, IDLE);
        assert_cause(c, nested, IDLE);
        ask_no_evts(c, epoll);
        ask_no_evts(c, outer);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
    }
}

/* The worker that adds the epoll to a handle polls it, too. SIGUSR2 is the one that interrupts workers. */
static void a_handle_takes_no_signal_from_the_program(void **state) {
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGCHLD, SIGTERM, SIGUSR2};
    portd_client *c = fixture_client(NULL);
    sigset_t blocked, before;

    (void)state;
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
        int ends[2], epoll = make_epoll(ends);
        struct signalfd_siginfo info;
        (void)sigemptyset(&blocked);
        (void)sigaddset(&blocked, signals[i]);
        (void)sigprocmask(SIG_BLOCK, &blocked, &before);
        int fd = fixture_own(signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
        portd_id id = ask_evt(c, epoll, READ);
        assert_cause(c, id, IDLE);
        assert_int_equal(raise(signals[i]), 0);
        int handle = ask_handle(c, id);
        assert_int_equal(own_ready(epoll), fd);
        assert_true(ask_handle_ready(handle));
        assert_int_equal(read(fd, &info, sizeof(info)), sizeof(info));
        assert_int_equal(info.ssi_signo, (uint32_t)signals[i]);
        assert_int_equal(own_ready(epoll), -1);
        assert_false(ask_handle_ready(handle));
        ask_no_evts(c, epoll);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
    }
}

TEST_MAIN(FIXTURE_CASE(a_program_does_not_miss_its_signals),
          FIXTURE_CASE(a_handle_takes_no_signal_from_the_program), FIXTURE_CASE(all_that_are_ready_are_told),
          FIXTURE_CASE(a_limit_that_passes_at_once), FIXTURE_CASE(nothing_old_is_told),
          FIXTURE_CASE(wake_one), FIXTURE_CASE(what_is_made_answers_nobody),
          FIXTURE_CASE(a_wait_that_begins_beside_wake_one), FIXTURE_CASE(a_remove_behind_a_create_ends_it),
          FIXTURE_CASE(a_remove_behind_a_create_waits_for_the_close),
          FIXTURE_CASE(a_create_behind_the_remove_keeps_it),
          FIXTURE_CASE(another_file_behind_a_create_replaces_it), FIXTURE_CASE(two_creates_make_one),
          FIXTURE_CASE(a_client_that_goes_meanwhile), FIXTURE_CASE(a_handle_follows))
