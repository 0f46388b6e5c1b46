/* test_hold_process.c: held descriptors whose lease ends with a process, named by a pidfd. */
#include "ask.h"
#include "descriptors.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

enum { MOST = 252 };

static const char *const one[] = {"one"};

static int stay(void *data) {
    (void)data;
    while (poll(NULL, 0, -1) < 0 && errno == EINTR) {
    }
    return 1;
}

/* A pidfd of it, looked after by the case. */
static portd_native name_process(pid_t pid) { return fixture_own((int)syscall(SYS_pidfd_open, pid, 0)); }

static bool nothing_is_held(void *data) {
    portd_list *list;

    assert_int_equal(portd_list_holds(data, NULL, fixture_soon(), &list), 1);
    size_t n = portd_list_count(list);
    portd_list_free(list);
    return n == 0;
}

static uint32_t process_of_one(portd_client *c) {
    portd_list *list;

    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), 1);
    uint32_t pid = portd_list_held(list, 0)->process_pid;
    portd_list_free(list);
    return pid;
}

static void end_with_processes(portd_client *c) {
    portd_lease lease = PORTD_LEASE_INIT;
    pid_t first = fixture_fork(stay, NULL), second = fixture_fork(stay, NULL);
    int p[2];

    make_pair(SOCK_STREAM, p);
    const portd_native fd = p[0];
    lease.process = name_process(first);
    assert_int_equal(portd_put_take(c, NULL, one, &fd, 1, NULL, &lease, fixture_soon(), NULL), 1);
    (void)fixture_disown(p[0]);
    assert_int_equal(process_of_one(c), first);
    lease.process = name_process(second);
    assert_int_equal(portd_renew(c, NULL, one, 1, &lease, fixture_soon()), 1);
    assert_int_equal(process_of_one(c), second);
    fixture_end(first);
    assert_int_equal(process_of_one(c), second); /* the first one's end is nothing to it */
    assert_false(at_end(p[1]));
    fixture_end(second);
    assert_true(fixture_until(nothing_is_held, c));
    until_end(p[1]);
}

static void it_ends_with_its_process(void **state) {
    (void)state;
    end_with_processes(fixture_client(NULL));
}

static void a_renewal_lets_go_of_the_process(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_lease lease = PORTD_LEASE_INIT;
    pid_t pid = fixture_fork(stay, NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    const portd_native fd = p[0];
    lease.process = name_process(pid);
    lease.ttl_us = 1000 * 1000 * 1000;
    assert_int_equal(portd_put(c, NULL, one, &fd, 1, NULL, &lease, fixture_soon(), NULL), 1);
    assert_int_equal(portd_renew(c, NULL, one, 1, NULL, fixture_soon()), 1);
    assert_int_equal(process_of_one(c), 0);
    fixture_end(pid);
    assert_int_equal(process_of_one(c), 0);
    assert_int_equal(portd_drop(c, NULL, one, 1, NULL, fixture_soon()), 1);
}

/* A process in the lease takes the place of a descriptor in the frame. */
static void as_many_as_there_may_be_with_a_process(void **state) {
    static char texts[MOST][16];
    portd_client *c = fixture_client(NULL);
    portd_lease lease = PORTD_LEASE_INIT;
    const char *names[MOST];
    portd_native fds[MOST];
    pid_t pid = fixture_fork(stay, NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    for (int i = 0; i < MOST; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]), "%d", i);
        names[i] = texts[i];
        fds[i] = p[0];
    }
    lease.process = name_process(pid);
    assert_int_equal(portd_put(c, NULL, names, fds, MOST, NULL, &lease, fixture_soon(), NULL),
                     PORTD_E_INVALID);
    assert_int_equal(portd_put(c, NULL, names, fds, MOST - 1, NULL, &lease, fixture_soon(), NULL), 1);
    fixture_end(pid);
    assert_true(fixture_until(nothing_is_held, c));
}

/* From now on pidfds have no ioctl, as before Linux 6.11, here and in the brokers that start. */
static void forbid_ioctl(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

    assert_return_code(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), errno);
    assert_return_code(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), errno);
}

/* A worker asks /proc. The process comes after others that are not asked about, and only in its own request. */
static void old_kernels_are_told_by_proc(void **state) {
    static struct fixture broker;
    static const char *const both[] = {"one", "other"};
    portd_lease lease = PORTD_LEASE_INIT;
    pid_t pid = fixture_fork(stay, NULL), other = fixture_fork(stay, NULL);
    const portd_native fds[] = {name_process(other), name_process(other)};

    (void)state;
    forbid_ioctl();
    fixture_start(&broker, NULL);
    portd_client *c = fixture_client_at(broker.address, NULL);
    end_with_processes(c);
    lease.process = name_process(pid);
    assert_int_equal(portd_put(c, NULL, both, fds, 2, NULL, &lease, fixture_soon(), NULL), 1);
    assert_int_equal(portd_drop(c, NULL, &both[1], 1, NULL, fixture_soon()), 1);
    assert_int_equal(process_of_one(c), pid);
    assert_int_equal(portd_drop(c, NULL, one, 1, NULL, fixture_soon()), 1);
    lease.process = -1;
    assert_int_equal(portd_put(c, NULL, one, fds, 1, NULL, &lease, fixture_soon(), NULL), 1);
    assert_int_equal(process_of_one(c), 0);
    fixture_disconnect(c);
    fixture_stop(&broker);
}

TEST_MAIN(FIXTURE_CASE(it_ends_with_its_process), FIXTURE_CASE(a_renewal_lets_go_of_the_process),
          FIXTURE_CASE(as_many_as_there_may_be_with_a_process),
          FIXTURE_CASE_BARE(old_kernels_are_told_by_proc)) /* the last one: what is forbidden stays so */
