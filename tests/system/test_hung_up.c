/* test_hung_up.c: holds whose lease ends with the hang-up of what is held. */
#define _GNU_SOURCE

#include "tests/support/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const one[] = {"one"};

/* Of a pair, the end to be held is the first. */
static void own(int ends[2]) {
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
}

static void make_reader(int ends[2]) {
    assert_return_code(pipe2(ends, O_CLOEXEC), errno);
    own(ends);
}

static void make_writer(int ends[2]) {
    int pipe[2];
    make_reader(pipe);
    ends[0] = pipe[1];
    ends[1] = pipe[0];
}

static void make_stream(int ends[2]) {
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), errno);
    own(ends);
}

static void make_seqpacket(int ends[2]) {
    assert_return_code(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), errno);
    own(ends);
}

static void make_terminal(int ends[2]) {
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_return_code(ends[0], errno);
    assert_return_code(unlockpt(ends[0]), errno);
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_return_code(ends[1], errno);
    own(ends);
}

static portd_lease until_hang_up(void) {
    portd_lease lease = PORTD_LEASE_INIT;
    lease.hang_up = 1;
    return lease;
}

static int try_put(portd_client *c, const char *name, int fd, const portd_lease *lease,
                   const portd_id *expects, portd_id *id) {
    portd_native native = fd;
    return portd_put(c, NULL, &name, &native, 1, expects, lease, fixture_soon(), id);
}

static portd_id put(portd_client *c, const char *name, int fd, const portd_lease *lease) {
    portd_id id = 0;
    assert_int_equal(try_put(c, name, fd, lease, NULL, &id), 1);
    return id;
}

/* How many are held; *n_hang_up of them until their hang-up. */
static size_t count(portd_client *c, size_t *n_hang_up) {
    portd_list *list;
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    size_t n = portd_list_count(list);
    for (size_t i = 0; n_hang_up && i < n; i++)
        *n_hang_up += portd_list_held(list, i)->hang_up;
    portd_list_free(list);
    return n;
}

static bool nothing_is_held(void *data) { return count(data, NULL) == 0; }

static portd_id evt_of(portd_client *c, const char *name, int mode) {
    portd_id evt = 0;
    assert_int_equal(portd_hold_to_evt(c, NULL, name, mode, fixture_soon(), &evt), 1);
    return evt;
}

static int cause_of(portd_client *c, portd_id id) {
    portd_ready ready;
    assert_int_equal(portd_wait(c, &id, 1, 0, fixture_soon(), &ready), 1);
    return ready.cause;
}

/* The broker has looked at all that had happened before. */
static void settle(portd_client *c) {
    for (int i = 0; i < 3; i++)
        assert_int_equal(portd_ping(c, fixture_soon()), 1);
}

/* ---- the end ------------------------------------------------------------------------------------------------------ */

static void each_kind_that_hangs_up_is_dropped(void **state) {
    void (*const make[])(int ends[2]) = {make_reader, make_writer, make_stream, make_seqpacket,
                                         make_terminal};
    portd_client *c = fixture_client(NULL);
    portd_lease lease = until_hang_up();
    (void)state;
    for (size_t i = 0; i < sizeof make / sizeof *make; i++) {
        int ends[2];
        size_t n_hang_up = 0;
        make[i](ends);
        (void)put(c, "one", ends[0], &lease);
        (void)put(c, "until dropped", ends[0], NULL);
        portd_id evt = evt_of(c, "one", PORTD_MODE_READ), other = evt_of(c, "until dropped", PORTD_MODE_READ);
        settle(c);
        assert_int_equal(count(c, &n_hang_up), 2);
        assert_int_equal(n_hang_up, 1);
        fixture_close(ends[1]);
        while (count(c, NULL) == 2)
            ;
        assert_int_equal(cause_of(c, evt), PORTD_CAUSE_EXPIRED);
        assert_true(cause_of(c, other) == (i == 1 ? PORTD_CAUSE_ERROR : PORTD_CAUSE_HANG_UP));
        const char *name = "until dropped";
        assert_int_equal(portd_drop(c, NULL, &name, 1, NULL, fixture_soon()), 1);
        fixture_close(ends[0]);
        assert_int_equal(portd_release(c, (portd_id[]){evt, other}, 2, fixture_soon()), 1);
    }
    fixture_until_fds(fixture_broker(), 1);
}

static void what_has_hung_up_is_dropped_at_once(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_lease lease = until_hang_up();
    int ends[2];
    (void)state;
    make_stream(ends);
    fixture_close(ends[1]);
    (void)put(c, "one", ends[0], &lease);
    assert_true(fixture_until(nothing_is_held, c));
    (void)put(c, "one", ends[0], NULL);
    settle(c);
    assert_int_equal(count(c, NULL), 1);
    assert_int_equal(portd_renew(c, NULL, one, 1, &lease, fixture_soon()), 1);
    assert_true(fixture_until(nothing_is_held, c));
}

static void bytes_and_a_half_close_are_no_hang_up(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_lease lease = until_hang_up();
    int ends[2];
    portd_ready ready;
    (void)state;
    make_stream(ends);
    (void)put(c, "one", ends[0], &lease);
    portd_id evt = evt_of(c, "one", PORTD_MODE_READ), room = evt_of(c, "one", PORTD_MODE_WRITE);
    assert_int_equal(cause_of(c, room), PORTD_CAUSE_READY);
    assert_int_equal(portd_wait(c, &evt, 1, 0, 0, &ready), 0);
    assert_int_equal(write(ends[1], "bytes", 5), 5);
    assert_int_equal(cause_of(c, evt), PORTD_CAUSE_READY);
    assert_return_code(shutdown(ends[1], SHUT_WR), errno);
    settle(c);
    assert_int_equal(cause_of(c, evt), PORTD_CAUSE_HALF_CLOSE);
    assert_int_equal(count(c, NULL), 1);
    fixture_close(ends[1]);
    assert_true(fixture_until(nothing_is_held, c));
}

/* ---- what is asked ------------------------------------------------------------------------------------------------ */

static int open_listener(int type) {
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = fixture_own(socket(AF_INET, type | SOCK_CLOEXEC, 0));
    assert_return_code(bind(fd, (struct sockaddr *)&any, sizeof any), errno);
    if (type == SOCK_STREAM)
        assert_return_code(listen(fd, 1), errno);
    return fd;
}

static void kinds_that_tell_of_no_hang_up_are_unsupported(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_lease lease = until_hang_up();
    int ends[2];
    (void)state;
    make_reader(ends);
    const int fds[] = {fixture_own(eventfd(0, EFD_CLOEXEC)),
                       fixture_own(memfd_create("memory", MFD_CLOEXEC)),
                       fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC)),
                       fixture_own((int)syscall(SYS_pidfd_open, getpid(), 0)),
                       open_listener(SOCK_STREAM),
                       open_listener(SOCK_DGRAM)};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        const char *names[] = {"pipe", "other"};
        const portd_native both[] = {ends[0], fds[i]};
        assert_int_equal(portd_put(c, NULL, names, both, 2, NULL, &lease, fixture_soon(), NULL),
                         PORTD_E_UNSUPPORTED);
        assert_string_equal(portd_last_field(c), "hang_up");
        assert_true(*portd_last_hint(c));
        assert_int_equal(count(c, NULL), 0);
        assert_int_equal(portd_put(c, NULL, names, both, 2, NULL, NULL, fixture_soon(), NULL), 1);
        assert_int_equal(portd_renew(c, NULL, names, 2, &lease, fixture_soon()), PORTD_E_UNSUPPORTED);
        size_t n_hang_up = 0;
        assert_int_equal(count(c, &n_hang_up), 2);
        assert_int_equal(n_hang_up, 0); /* of the pipe neither */
        assert_int_equal(portd_drop(c, NULL, names, 2, NULL, fixture_soon()), 1);
    }
}

static void a_renewal_takes_it_away(void **state) {
    void (*const make[])(int ends[2]) = {make_reader, make_terminal};
    portd_client *c = fixture_client(NULL);
    portd_lease lease = until_hang_up();
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        int ends[2];
        size_t n_hang_up = 0;
        make[i](ends);
        (void)put(c, "one", ends[0], &lease);
        assert_int_equal(portd_renew(c, NULL, one, 1, NULL, fixture_soon()), 1);
        fixture_close(ends[1]);
        assert_int_equal(cause_of(c, evt_of(c, "one", PORTD_MODE_READ)), PORTD_CAUSE_HANG_UP);
        settle(c);
        assert_int_equal(count(c, &n_hang_up), 1);
        assert_int_equal(n_hang_up, 0);
        assert_int_equal(portd_renew(c, NULL, one, 1, &lease, fixture_soon()), 1);
        assert_true(fixture_until(nothing_is_held, c));
        fixture_close(ends[0]);
    }
}

static void what_replaces_has_a_lease_of_its_own(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_lease lease = until_hang_up();
    int first[2], second[2];
    (void)state;
    make_reader(first);
    make_reader(second);
    portd_id id = put(c, "one", first[0], &lease), next;
    assert_int_equal(try_put(c, "one", second[0], NULL, &id, &next), 1);
    fixture_close(first[1]);
    fixture_close(second[1]);
    settle(c);
    assert_int_equal(count(c, NULL), 1);
    assert_int_equal(try_put(c, "one", second[0], &lease, &next, NULL), 1);
    assert_true(fixture_until(nothing_is_held, c));
}

static int stay(void *data) {
    (void)data;
    return pause();
}

static void of_a_terminal_the_end_of_its_process_counts(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_lease lease = until_hang_up();
    int ends[2];
    size_t n_hang_up = 0;
    (void)state;
    pid_t pid = fixture_fork(stay, NULL);
    make_terminal(ends);
    lease.process = fixture_own((int)syscall(SYS_pidfd_open, pid, 0));
    (void)put(c, "one", ends[0], &lease);
    char *name = ptsname(ends[0]);
    assert_non_null(name);
    fixture_close(ends[1]);
    assert_int_equal(cause_of(c, evt_of(c, "one", PORTD_MODE_READ)), PORTD_CAUSE_HANG_UP);
    settle(c);
    assert_int_equal(count(c, &n_hang_up), 1);
    assert_int_equal(n_hang_up, 1);
    int again = fixture_own(open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)); /* it was not the last hang-up */
    assert_return_code(again, errno);
    fixture_end(pid);
    assert_true(fixture_until(nothing_is_held, c));
}

int main(void) {
    struct CMUnitTest cases[] = {
        FIXTURE_CASE(each_kind_that_hangs_up_is_dropped),
        FIXTURE_CASE(what_has_hung_up_is_dropped_at_once),
        FIXTURE_CASE(bytes_and_a_half_close_are_no_hang_up),
        FIXTURE_CASE(kinds_that_tell_of_no_hang_up_are_unsupported),
        FIXTURE_CASE(a_renewal_takes_it_away),
        FIXTURE_CASE(what_replaces_has_a_lease_of_its_own),
        FIXTURE_CASE(of_a_terminal_the_end_of_its_process_counts),
    };
    return TEST_RUN(cases);
}
