/* test_given_back.c: slots of the descriptor table that are taken for a short time. A broker with a small table does each of
 * these things more often than it has slots: if one were lost each time, it would refuse the last. */
#include "guest.h"

#include "tests/procedures/ask.h"
#include "tests/procedures/descriptors.h"

#include <fcntl.h>
#include <sys/epoll.h>

enum { TABLE = 1100, TIMES = 500 /* more than are for keeping */ };

/* Started anew for each case, as it must outlive that. */
static struct fixture *start(void) {
    static struct fixture brokers[8];
    static size_t n;
    struct fixture *broker = &brokers[n++];

    assert_true(n <= sizeof brokers / sizeof *brokers);
    guest_start_limited(broker, TABLE, NULL);
    return broker;
}

static Portd__V1__Hello usual(void) {
    Portd__V1__Hello hello = raw_hello_make();

    return hello;
}

/* The last descriptor that only a thread may ask about ends the thread, which has an engine and a wakeup. */
static void those_of_a_thread_that_ends(void **state) {
    const struct fixture *broker = start();
    int ends[2], epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));
    struct epoll_event event = {.events = EPOLLIN};

    (void)state;
    make_pipe(ends);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    portd_client *c = fixture_client_at(broker->address, NULL);
    for (int i = 0; i < TIMES; i++) {
        (void)ask_evt(c, epoll, READ);
        ask_no_evts(c, epoll);
        fixture_until_fds(broker, 1);
    }
}

/* A session that is joined has the process already; the second look at it is not kept. */
static void those_of_processes_that_a_hello_names(void **state) {
    const struct fixture *broker = start();
    const char *address = broker->address;
    Portd__V1__Hello hello = usual();
    uint32_t pids[2] = {(uint32_t)getpid(), (uint32_t)getppid()};
    struct raw first, raw;

    (void)state;
    hello.owner_pids = pids;
    hello.n_owner_pids = 2;
    guest_connect_at(&first, address);
    assert_int_equal(raw_hello_with(&first, &hello, NULL, 0), 0);
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_PID;
    hello.numbers_pid = pids[0];
    for (int i = 0; i < TIMES; i++) {
        guest_connect_at(&raw, address);
        assert_int_equal(raw_hello_with(&raw, &hello, NULL, 0), 0);
        assert_true(raw.session == first.session);
        guest_close(&raw);
        fixture_until_fds(
            broker, 3); /* workers close connections: too many that wait for them would fill the table */
    }
    guest_is_served(&first);
    guest_close(&first);
}

/* Nor is it by a hello that is refused: for what it asks for, or for a second process that is not there. */
static void those_of_processes_that_a_refused_hello_names(void **state) {
    const struct fixture *broker = start();
    const char *address = broker->address;
    Portd__V1__Hello missing = usual(), half = usual();
    uint32_t pids[2] = {(uint32_t)getpid(), 1u << 31};
    struct raw raw;

    (void)state;
    missing.owner_pid = pids[0];
    missing.find = true;
    half.owner_pids = pids;
    half.n_owner_pids = 2;
    for (int i = 0; i < TIMES; i++) {
        guest_connect_at(&raw, address);
        assert_int_equal(raw_hello_with(&raw, &missing, NULL, 0), PORTD__V1__CODE__CODE_NOT_FOUND);
        guest_close(&raw);
        guest_connect_at(&raw, address);
        assert_int_equal(raw_hello_with(&raw, &half, NULL, 0), PORTD__V1__CODE__CODE_INVALID);
        guest_close(&raw);
        fixture_until_fds(broker, 0);
    }
}

/* Of an event of an epoll descriptor it takes a lock of the whole system, which somebody else may keep for a while. */
static void take_handle(portd_client *c, portd_id id) {
    portd_native handle = -1;
    int code = PORTD_E_LIMIT;

    for (int i = 0; i < TIMES && code == PORTD_E_LIMIT; i++)
        code = portd_handle_dup(c, id, fixture_soon(), &handle);
    assert_int_equal(code, 1);
    (void)close((int)handle);
}

/* Pollable handles, which are more than one descriptor each, and the copies behind them. */
static void those_of_handles(void **state) {
    portd_client *c = fixture_client_at(start()->address, NULL);
    int ends[2], epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    (void)state;
    make_pipe(ends);
    for (int i = 0; i < TIMES; i++) {
        portd_id ids[3] = {ask_semaphore(c, ends[0], READ), ask_evt(c, ends[0], READ),
                           ask_evt(c, epoll, READ)};
        for (int k = 0; k < 3; k++)
            take_handle(c, ids[k]);
        ask_no_semaphores(c, ends[0]);
        ask_no_evts(c, ends[0]);
        ask_no_evts(c, epoll);
        assert_int_equal(portd_release(c, ids, 3, fixture_soon()), 1);
    }
}

/* What is refused is thrown away, here a descriptor that nothing can be made of. */
static void those_of_what_is_thrown_away(void **state) {
    portd_client *c = fixture_client_at(start()->address, NULL);
    int path = fixture_own(open("/tmp", O_PATH | O_CLOEXEC));
    portd_id id;

    (void)state;
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(portd_fd_to_evt(c, path, READ, PORTD_FD, fixture_soon(), &id), PORTD_E_INVALID);
}

/* A frame whose other half comes late, or never: what came with the first half. */
static void those_of_half_a_frame(void **state) {
    const struct fixture *broker = start();
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, other;
    int ends[2];

    (void)state;
    make_pipe(ends);
    request.method_case = PORTD__V1__REQUEST__METHOD_PING;
    request.ping = &ping;
    guest_open_at(&raw, broker->address);
    for (int i = 0; i < TIMES; i++) {
        request.id = 1000 + (uint64_t)i;
        size_t size = raw_pack(bytes, &request, 2);
        assert_int_equal(raw_send(&raw, bytes, RAW_HEADER, ends, 2), 0);
        fixture_until_fds(broker, 3);
        if (i % 2) {
            assert_int_equal(raw_send(&raw, bytes + RAW_HEADER, size - RAW_HEADER, NULL, 0), 0);
            guest_is_told(&raw, request.id, PORTD__V1__CODE__CODE_MISMATCH);
        } else {
            guest_close(&raw);
            fixture_until_fds(broker, 0);
            guest_open_at(&raw, broker->address);
        }
    }
    guest_open_at(&other, broker->address);
    guest_is_served(&other);
    (void)guest_evt(&other, ends[0], ends[0]);
}

static int sleep_for_ever(void *data) {
    (void)data;
    return pause();
}

struct quota {
    struct raw *raw;
    uint64_t wanted;
};

static bool quota_is(void *data) {
    const struct quota *quota = data;
    uint64_t limit;
    return guest_quota(quota->raw, "descriptors", &limit) == quota->wanted;
}

/* An owner that ends is paid for no longer, though the session has others. */
static void that_of_an_owner_that_ends(void **state) {
    Portd__V1__Hello hello = usual();
    pid_t children[2] = {fixture_fork(sleep_for_ever, NULL), fixture_fork(sleep_for_ever, NULL)};
    uint32_t pids[2] = {(uint32_t)children[0], (uint32_t)children[1]};
    struct raw raw;
    uint64_t limit;

    (void)state;
    hello.owner_pids = pids;
    hello.n_owner_pids = 2;
    guest_connect(&raw);
    assert_int_equal(raw_hello_with(&raw, &hello, NULL, 0), 0);
    struct quota quota = {&raw, guest_quota(&raw, "descriptors", &limit) - 1};
    fixture_end(children[0]);
    assert_true(fixture_until(quota_is, &quota));
    guest_is_served(&raw);
}

TEST_MAIN(FIXTURE_CASE(that_of_an_owner_that_ends), FIXTURE_CASE_BARE(those_of_half_a_frame),
          FIXTURE_CASE_BARE(those_of_a_thread_that_ends),
          FIXTURE_CASE_BARE(those_of_processes_that_a_hello_names),
          FIXTURE_CASE_BARE(those_of_processes_that_a_refused_hello_names),
          FIXTURE_CASE_BARE(those_of_handles), FIXTURE_CASE_BARE(those_of_what_is_thrown_away))
