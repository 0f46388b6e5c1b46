/* test_held_locks.c: descriptors whose kernel locks another holder keeps.
 *
 * The holder reads from a pipe or a socket, or waits on an epoll descriptor, into memory that a file server withholds: the kernel
 * then keeps the lock of the pipe, the socket or the epoll descriptor until the server answers or dies. Whatever the broker is
 * asked to do with the same open file meanwhile, other clients are served: a ping is answered before the server ends. Nothing in
 * this process may touch that file earlier. */
#define _GNU_SOURCE

#include "ports.h"

#include "tests/support/fuse_silent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

enum { PAGE = 4096, MOST = 4 };

static struct fuse_silent fuse, other_fuse;

struct hold {
    int fd;
    bool epoll;
    const struct fuse_silent *fuse;
};

static int hold_body(void *data) {
    const struct hold *hold = data;
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, hold->fuse->fd, 0);

    if (page == MAP_FAILED)
        return 2;
    if (hold->epoll)
        (void)epoll_wait(hold->fd, (struct epoll_event *)(void *)page, 1, -1);
    else
        (void)!read(hold->fd, page, 1);
    return 0;
}

static void need_fuse(void) {
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
}

/* Returns when the lock of fd is kept. */
static pid_t begin_hold(int fd, bool epoll) {
    static struct hold hold;
    pid_t child;

    hold = (struct hold){fd, epoll, &fuse};
    child = fixture_fork(hold_body, &hold);
    if (fuse_silent_await(&fuse))
        return child;
    fuse_silent_end(&fuse);
    fail_msg("nobody asks for the page");
    return -1;
}

static void end_hold(pid_t child) {
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_int_equal(fixture_reap(child), 0);
}

/* What others are answered while the lock is kept. Not asserted at once: the server has to be ended first. */
struct others {
    int ping;   /* another connection */
    int remove; /* of the same uid, whose copy a worker closes */
    int read;   /* of the same uid, by a worker */
};

static struct others ask_others(void) {
    portd_client *c = fixture_client(NULL);
    struct others others = {.ping = portd_ping(c, fixture_soon())};
    portd_id id = 0, in = 0;
    int ends[2];
    char byte;
    size_t n;

    make_blocking_pipe(ends);
    others.remove = portd_fd_to_evt(c, ends[0], READ, PORTD_FD, fixture_soon(), &id);
    if (others.remove == 1)
        others.remove = portd_remove(c, id, fixture_soon());
    others.read = portd_fd_to_port(c, ends[0], "", PORTD_READ, fixture_soon(), &in, NULL);
    fd_say(ends[1], "o");
    if (others.read == 1)
        others.read = portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL);
    return others;
}

static void assert_served(const struct others *others) {
    assert_int_equal(others->ping, 1);
    assert_int_equal(others->remove, 1);
    assert_int_equal(others->read, 1);
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

/* Reads and peeks of ends[0], while somebody holds it. */
static void check_reads(void (*make)(int ends[2])) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    make(ends);
    portd_id in = port_in(c, ends[0]);
    fd_say(ends[1], "abc");
    pid_t child = begin_hold(ends[0], false);
    struct io *peek = io_read_fast(c, in, 1, PORTD_PEEK);
    struct io *first = io_read_fast(c, in, 1, 0);
    int ping = portd_ping(c, fixture_soon());
    struct others others = ask_others();
    size_t answered = peek->answers + first->answers;
    end_hold(child);
    assert_int_equal(ping, 1);
    assert_served(&others);
    assert_int_equal(answered, 0);
    /* What the holder did not get is there. */
    assert_int_equal(io_answer(peek), 1);
    assert_int_equal(io_answer(first), 1);
    assert_int_equal(peek->bytes[0], first->bytes[0]);
    port_close(c, in);
}

static void reads_of_a_pipe(void **state) {
    (void)state;
    need_fuse();
    check_reads(make_blocking_pipe);
}

static void reads_of_a_fifo(void **state) {
    (void)state;
    need_fuse();
    check_reads(make_fifo);
}

static void reads_of_a_unix_socket(void **state) {
    (void)state;
    need_fuse();
    check_reads(streams[2].make);
}

static void reads_of_a_tcp_socket(void **state) {
    (void)state;
    need_fuse();
    check_reads(streams[3].make);
}

/* Either end of a pipe is enough: its reader holds up who writes. */
static void writes_to_a_pipe(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    portd_id out = port_out(c, ends[1]);
    fd_say(ends[1], "a");
    pid_t child = begin_hold(ends[0], false);
    struct io *write = io_write_fast(c, out, "b", 1);
    struct others others = ask_others();
    end_hold(child);
    assert_served(&others);
    assert_int_equal(io_answer(write), 1);
    assert_int_equal(write->count, 1);
    port_close(c, out);
}

/* The lock of the pipe that a client hands over, and that of the port's. */
static void splices(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2][2];

    (void)state;
    for (int kept = 0; kept < 2; kept++) {
        need_fuse();
        make_blocking_pipe(ends[0]);
        make_blocking_pipe(ends[1]);
        portd_id in = port_in(c, ends[0][0]);
        fd_say(ends[0][1], "abc");
        fd_say(ends[1][1], "0");
        pid_t child = begin_hold(ends[kept][0], false);
        struct io *splice = io_splice_fast(c, in, ends[1][1], 1, 1);
        struct others others = ask_others();
        size_t answered = splice->answers;
        end_hold(child);
        assert_served(&others);
        assert_int_equal(answered, 0);
        assert_int_equal(io_answer(splice), 1);
        assert_int_equal(splice->count, 1);
        port_close(c, in);
    }
}

/* The copy is closed behind the read that cannot be interrupted; until then close is not answered. */
static void closing_a_pipe(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    portd_id in = port_in(c, ends[0]);
    fd_say(ends[1], "abc");
    pid_t child = begin_hold(ends[0], false);
    struct io *read = io_read_fast(c, in, 1, 0);
    int closed = portd_port_close(c, in, portd_now() + 300000);
    struct others others = ask_others();
    end_hold(child);
    assert_int_equal(closed, PORTD_E_TIMEOUT);
    assert_served(&others);
    assert_true(io_answer(read) == 1 || read->code == PORTD_E_CLOSED);
    port_close(c, in);
}

static void shutdown_and_addresses(void **state) {
    portd_client *c = fixture_client(NULL);
    struct wrapped ports;
    portd_endpoint local = PORTD_ENDPOINT_INIT, peer = PORTD_ENDPOINT_INIT;
    int ends[2];

    (void)state;
    need_fuse();
    streams[3].make(ends);
    ports = port_wrap_socket(c, ends[0]);
    fd_say(ends[1], "abc");
    pid_t child = begin_hold(ends[0], false);
    int addresses = portd_port_addresses(c, ports.in, portd_now() + 100000, &local, &peer);
    int ended = portd_port_shutdown(c, ports.out, PORTD_WRITE, portd_now() + 100000);
    struct others others = ask_others();
    end_hold(child);
    assert_int_equal(addresses, PORTD_E_TIMEOUT);
    assert_int_equal(ended, PORTD_E_TIMEOUT);
    assert_served(&others);
    /* They were carried out when they could be. */
    assert_int_equal(portd_port_addresses(c, ports.in, fixture_soon(), &local, &peer), 1);
    assert_true(fixture_poll(ends[1], POLLRDHUP) & POLLRDHUP);
}

/* ---- epoll descriptors ------------------------------------------------------------------------------------------- */

static int make_ready_epoll(int target) {
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, target, &event), 0);
    return epoll;
}

static void an_epoll_descriptor(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id ids[3], semaphore = 0, other = 0;
    portd_ready ready[3];
    int ends[2], quiet[2];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    make_blocking_pipe(quiet);
    int epoll = make_ready_epoll(ends[0]), copy = fixture_own(dup(epoll));
    ids[0] = ask_evt(c, epoll, READ);
    ids[1] = ask_evt(c, quiet[0], READ);
    struct inflight *inflight = ask_park(c, ids, 2, 0);
    fd_say(ends[1], "a");
    assert_int_equal(ask_answer(inflight), 1);
    pid_t child = begin_hold(epoll, true);
    /* Nothing can be told of it: neither by a create call nor by a look. */
    int made = portd_fd_to_semaphore(c, copy, READ, portd_now() + 100000, &semaphore);
    int looked = portd_wait(c, ids, 2, 0, portd_now(), ready);
    /* But of the other one. */
    struct inflight *mixed = ask_park(c, ids, 2, 0);
    fd_say(quiet[1], "b");
    int told = ask_answer(mixed);
    int cause = mixed->ready[0].id == ids[1] ? (int)mixed->ready[0].cause : -1;
    struct others others = ask_others();
    int more = portd_fd_to_evt(c, quiet[1], WRITE, PORTD_FD, fixture_soon(), &other);
    end_hold(child);
    assert_int_equal(made, PORTD_E_TIMEOUT);
    assert_int_equal(looked, 0);
    assert_int_equal(told, 1);
    assert_int_equal(cause, READY);
    assert_served(&others);
    assert_int_equal(more, 1);
    /* And then it is as ever, once the poller has got the processor. */
    assert_until(c, ids[0], READY);
    ask_no_evts(c, epoll);
    assert_cause(c, ids[0], REMOVED);
}

struct bytes {
    portd_client *client;
    uint64_t before;
};

static bool bytes_are_as_before(void *data) {
    const struct bytes *bytes = data;
    return ask_quota(bytes->client, "bytes") == bytes->before;
}

static void on_created(portd_client *client, const portd_result *result, void *data) {
    (void)client;
    (void)result;
    ++*(int *)data;
}

/* A question that is with the poller thread costs its memory, though the wait is cancelled. */
static void questions_that_nobody_waits_for(void **state) {
    enum { MANY = 50 };
    portd_client *c = fixture_client(NULL);
    portd_request *request;
    int ends[2], quiet[2], created = 0;

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    make_blocking_pipe(quiet);
    portd_id id = ask_evt(c, make_ready_epoll(quiet[0]), READ), ids[4] = {id, id, id, id};
    int epoll = make_ready_epoll(ends[0]);
    fd_say(ends[1], "a");
    struct bytes bytes = {c, ask_quota(c, "bytes")};
    pid_t child = begin_hold(epoll, true);
    int started = portd_fd_to_evt_start(c, epoll, READ, PORTD_FD, on_created, &created, &request);
    for (int i = 0; i < MANY; i++)
        portd_cancel(ask_park(c, ids, 4, 0)->request);
    uint64_t during = ask_quota(c, "bytes");
    struct others others = ask_others();
    end_hold(child);
    assert_int_equal(started, 1);
    assert_served(&others);
    assert_true(during >= bytes.before + (uint64_t)MANY * 64);
    while (!created)
        assert_true(portd_poll(c, fixture_soon()) >= 0);
    assert_true(fixture_until(bytes_are_as_before, &bytes));
}

/* Another uid's epoll descriptor holds up that uid's poller thread alone; so this is the same uid's other descriptors of such kinds. */
static void removing_what_a_poller_is_held_up_by(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    int epoll = make_ready_epoll(ends[0]);
    portd_id id = ask_evt(c, epoll, READ);
    struct inflight *inflight = ask_park_one(c, id, 0);
    pid_t child;
    fd_say(ends[1], "a");
    assert_answer(inflight, id, READY);
    child = begin_hold(epoll, true);
    struct inflight *again = ask_park_one(c, id, 0);
    int removed =
        portd_remove(c, id, portd_now() + 100000); /* the waiters are told, the copy is not closed yet */
    int answer = ask_answer(again);
    struct others others = ask_others();
    end_hold(child);
    assert_int_equal(removed, PORTD_E_TIMEOUT);
    assert_int_equal(answer, 1);
    assert_int_equal(again->ready[0].cause, REMOVED);
    assert_served(&others);
    assert_int_equal(portd_remove(c, id, fixture_soon()), 1);
}

/* The connection of a create call ends while the poller thread is held up: nothing is made, whether the number is removed or not. */
static void a_create_call_that_nobody_waits_for(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_request *request;
    int ends[2], calls = 0, started[3], removed[2];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    int first = make_ready_epoll(ends[0]), second = make_ready_epoll(ends[0]),
        third = make_ready_epoll(ends[0]);
    fd_say(ends[1], "a");
    uint64_t objects = ask_quota(c, "objects"), waits = ask_quota(c, "waits"), bytes = ask_quota(c, "bytes");
    pid_t child = begin_hold(first, true);
    portd_client *joined = fixture_joined(c); /* the child has no copy of its socket */
    started[0] = portd_fd_to_semaphore_start(joined, first, READ, on_created, &calls, &request);
    started[1] = portd_fd_to_semaphore_start(joined, second, READ, on_created, &calls, &request);
    started[2] = portd_fd_to_evt_start(joined, third, READ, PORTD_FD, on_created, &calls, &request);
    int ping = portd_ping(joined, fixture_soon());
    uint64_t during = ask_quota(c, "waits");
    fixture_disconnect(joined);
    portd_id none = 1;
    removed[0] = portd_fd_to_semaphore(c, second, REMOVE, portd_now() + 50000, &none);
    removed[1] =
        portd_fd_to_semaphore(c, third, REMOVE, fixture_soon(), &none); /* its event might still be made */
    end_hold(child);
    for (int i = 0; i < 3; i++)
        assert_int_equal(started[i], 1);
    assert_int_equal(ping, 1);
    assert_int_equal(during, waits + 3);
    assert_int_equal(removed[0], PORTD_E_TIMEOUT); /* its copy is not closed yet */
    assert_int_equal(removed[1], 0);
    fixture_until_fds(fixture_broker(), 1);
    assert_int_equal(ask_quota(c, "objects"), objects);
    assert_int_equal(ask_quota(c, "waits"), waits);
    assert_int_equal(ask_quota(c, "bytes"), bytes);
}

/* The session ends while its waits, a create call and a handle are with the poller thread. */
static void the_end_of_a_session(void **state) {
    portd_client *c = fixture_client(NULL), *joined = fixture_joined(c), *other = fixture_client(NULL);
    portd_id ids[3], made = 0;
    struct inflight *waits[4];
    portd_native handle = -1;
    int ends[2], quiet[2];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    make_blocking_pipe(quiet);
    int epoll = make_ready_epoll(ends[0]);
    ids[0] = ask_evt(c, quiet[0], READ);
    ids[1] = ask_evt(c, epoll, READ);
    ids[2] = ask_evt(c, epoll, WRITE);
    fd_say(ends[1], "a");
    pid_t child = begin_hold(epoll, true);
    waits[0] = ask_park(c, ids, 3, PORTD_WAIT_ALL);
    waits[1] = ask_park(c, ids, 2, 0);
    waits[2] = ask_park_one(c, ids[1], 0);
    waits[3] = ask_park_one(c, ids[1], PORTD_WAIT_ONE);
    int create = portd_fd_to_semaphore(joined, epoll, READ, portd_now() + 50000, &made);
    int handed = portd_handle_dup(joined, ids[1], portd_now() + 50000, &handle);
    int ended = portd_end_session(joined, 0, fixture_soon());
    int codes[4], causes[4];
    for (int i = 0; i < 4; i++) {
        codes[i] = ask_answer(waits[i]);
        causes[i] = (int)waits[i]->ready[0].cause;
    }
    int ping = portd_ping(other, fixture_soon());
    end_hold(child);
    assert_int_equal(create, PORTD_E_TIMEOUT);
    assert_int_equal(handed, PORTD_E_TIMEOUT);
    assert_int_equal(ended, 1);
    assert_int_equal(ping, 1);
    for (int i = 0; i < 4; i++) {
        assert_true(codes[i] > 0);
        assert_int_equal(causes[i], EXPIRED);
    }
    fixture_until_fds(fixture_broker(), 1);
}

/* A client keeps the lock of the handle that it was given; its event is removed meanwhile. */
static void a_handle(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    portd_id id = ask_evt(c, ends[0], READ);
    int handle = ask_handle(c, id);
    fd_say(ends[1], "a");
    pid_t child = begin_hold(handle, true);
    int removed = portd_remove(c, id, fixture_soon());
    struct others others = ask_others();
    end_hold(child);
    assert_int_equal(removed, 1);
    assert_served(&others);
    fd_hear(ends[0], "a");
    assert_true(ask_handle_ready(handle));
    assert_int_equal(portd_release(c, &id, 1, fixture_soon()), 1);
    assert_true(fixture_poll(handle, POLLIN) & POLLIN);
}

/* Who waits for the lock of the handle gets it when the broker's worker has done what it had to. */
static void a_handle_with_two_holders(void **state) {
    static struct hold hold;
    portd_client *c = fixture_client(NULL);
    int ends[2];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    portd_id id = ask_evt(c, ends[0], READ);
    int handle = ask_handle(c, id);
    fd_say(ends[1], "a");
    pid_t child = begin_hold(handle, true);
    int removed = portd_remove(c, id, fixture_soon());
    (void)portd_ping(c, fixture_soon()); /* whatever is done a little later has begun */
    bool second = fuse_silent_open(&other_fuse);
    hold = (struct hold){handle, true, &other_fuse};
    pid_t other = second ? fixture_fork(hold_body, &hold) : -1;
    end_hold(child);
    bool held = second && fuse_silent_await(&other_fuse);
    struct others others = ask_others();
    int released = portd_release(c, &id, 1, fixture_soon());
    struct others later = ask_others();
    fuse_silent_end(&other_fuse);
    (void)close(other_fuse.fd);
    assert_int_equal(fixture_reap(other), 0);
    assert_true(held);
    assert_int_equal(removed, 1);
    assert_int_equal(released, 1);
    assert_served(&others);
    assert_served(&later);
    assert_true(ask_handle_ready(handle));
}

/* The kernel takes what nobody has any more out of the epolls that it lies in, under their locks: who closes the last copy waits. */
static void last_copies_of_what_lies_in_an_epoll(void **state) {
    portd_client *c = fixture_client(NULL);
    struct epoll_event event = {.events = EPOLLIN};
    int ends[2], p[2], fds[4];

    (void)state;
    need_fuse();
    make_blocking_pipe(ends);
    make_blocking_pipe(p);
    int epoll = make_ready_epoll(ends[0]);
    fd_say(ends[1], "a");
    fds[0] = fixture_own(eventfd(0, EFD_CLOEXEC));
    fds[1] = fixture_own(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    portd_id ids[4] = {ask_evt(c, fds[0], READ), ask_evt(c, fds[1], READ), ask_semaphore(c, p[0], READ),
                       ask_evt(c, p[0], READ)};
    fds[2] = ask_handle(c, ids[2]);
    fds[3] = ask_handle(c, ids[3]);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event), 0);
        fixture_close(fds[i]);
    }
    pid_t child = begin_hold(epoll, true);
    int first = portd_remove(c, ids[0], portd_now() + 100000),
        second = portd_remove(c, ids[1], portd_now() + 100000);
    struct others others = ask_others();
    int removed = portd_remove(c, ids[2], fixture_soon()) + portd_remove(c, ids[3], fixture_soon());
    int released = portd_release(c, &ids[2], 2, fixture_soon());
    struct others later = ask_others();
    end_hold(child);
    /* Of those it is the broker's copy that is closed; nobody waits for the close of a handle. */
    assert_int_equal(first, PORTD_E_TIMEOUT);
    assert_int_equal(second, PORTD_E_TIMEOUT);
    assert_served(&others);
    assert_int_equal(removed, 2);
    assert_int_equal(released, 1);
    assert_served(&later);
}

/* The process lives on as long as the kernel cannot end its threads, but it has ended as it should: its first thread is gone. */
static bool has_ended(void *data) {
    const struct fixture *broker = data;
    char process = fixture_process_state(broker->pid);
    return process == 0 || process == 'Z';
}

/* What workers are held up by when the broker ends is left behind with them. */
static void the_end_of_the_broker(void **state) {
    static struct fixture broker;
    static struct hold hold;
    int ends[2];

    (void)state;
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* looking for leaks waits for every thread */
    fixture_start(&broker, NULL);
    (void)unsetenv("ASAN_OPTIONS");
    need_fuse();
    bool second = fuse_silent_open(&other_fuse);
    portd_client *c = fixture_client_at(broker.address, NULL);
    make_blocking_pipe(ends);
    portd_id in = port_in(c, ends[0]), id = ask_evt(c, ends[0], READ);
    int handle = ask_handle(c, id);
    fd_say(ends[1], "abc");
    pid_t child = begin_hold(ends[0], false);
    struct io *read = io_read_fast(c, in, 1, 0);
    hold = (struct hold){handle, true, &other_fuse};
    pid_t other = second ? fixture_fork(hold_body, &hold) : -1;
    bool held = second && fuse_silent_await(&other_fuse);
    int removed = portd_remove(c, id, fixture_soon());
    (void)kill(broker.pid, SIGTERM);
    bool ended = fixture_until(has_ended, &broker);
    fuse_silent_end(&other_fuse);
    (void)close(other_fuse.fd);
    end_hold(child);
    assert_int_equal(fixture_reap(other), 0);
    fixture_stop(&broker);
    assert_true(held);
    assert_true(ended);
    assert_int_equal(removed, 1);
    assert_true(io_answer(read) < 0);
}

/* ---- terminals --------------------------------------------------------------------------------------------------- */

static int set_discipline(void *data) {
    int null = 27; /* N_NULL */
    return ioctl(*(int *)data, TIOCSETD, &null) < 0;
}

/* A change of the line discipline waits for the reader, and a poll waits for the change. */
static void a_terminal(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_ready ready;
    int ends[2];

    (void)state;
    need_fuse();
    make_pty(ends);
    portd_id id = ask_evt(c, ends[0], READ);
    fd_say(ends[1], "abc");
    pid_t child = begin_hold(ends[0], false);
    pid_t changer = fixture_fork(set_discipline, &ends[0]);
    struct inflight *inflight = ask_park_one(c, id, 0);
    int looked = portd_wait(c, &id, 1, 0, portd_now() + 1000, &ready);
    struct others others = ask_others();
    end_hold(child);
    (void)fixture_reap(changer);
    assert_in_range(looked, 0, 1);
    assert_served(&others);
    ask_no_evts(c, ends[0]);
    assert_int_equal(ask_answer(inflight), 1);
}

TEST_MAIN(FIXTURE_CASE(reads_of_a_pipe), FIXTURE_CASE(reads_of_a_fifo), FIXTURE_CASE(reads_of_a_unix_socket),
          FIXTURE_CASE(reads_of_a_tcp_socket), FIXTURE_CASE(writes_to_a_pipe), FIXTURE_CASE(splices),
          FIXTURE_CASE(closing_a_pipe), FIXTURE_CASE(shutdown_and_addresses),
          FIXTURE_CASE(an_epoll_descriptor), FIXTURE_CASE(questions_that_nobody_waits_for),
          FIXTURE_CASE(removing_what_a_poller_is_held_up_by),
          FIXTURE_CASE(a_create_call_that_nobody_waits_for), FIXTURE_CASE(the_end_of_a_session),
          FIXTURE_CASE(a_handle), FIXTURE_CASE(a_handle_with_two_holders),
          FIXTURE_CASE(last_copies_of_what_lies_in_an_epoll), FIXTURE_CASE_BARE(the_end_of_the_broker),
          FIXTURE_CASE(a_terminal))
