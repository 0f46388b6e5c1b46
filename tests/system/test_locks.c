/* test_locks.c: hundreds of thousands of locks on the inode of what is handed over, or of a client's process, which anybody can put there. The kernel walks
 * them for each close, and tells them in fdinfo. The loop does neither: what it does in these cases takes it less processor time than one walk, or FEW of them if
 * each hello would take one, beyond what the same takes it without locks. Interrupts count in, so the least of some tries is what it takes. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    LOCKS = 300000,
    PARTS = 4, /* of so many locks each: more than one where a walk is short beside the rest of a hello */
    TRIES = 5,
    OWNERS = 8,
    HELLOS = 10,
    FEW =
        3, /* walks: of so many hellos, each of which would take one at least, and the loop has other work */
    NUMBERS = 100 /* of one pipe with locks */
};

/* One range, cut into pieces from its end: so no lock is searched for. Those of a part come before those of the parts below it. */
static void put_locks(int fd, int part) {
    const off_t start = (off_t)(PARTS - 1 - part) * 2 * LOCKS;
    bool written = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
    struct flock range = {
        .l_type = written ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = 2 * LOCKS};

    assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), 0);
    range.l_type = F_UNLCK;
    range.l_len = 1;
    for (range.l_start = start + 2 * LOCKS - 1; range.l_start > start; range.l_start -= 2)
        assert_int_equal(fcntl(fd, F_OFD_SETLK, &range), 0);
}

static int64_t least_of(int64_t one, int64_t other) { return one < other ? one : other; }

static int64_t own_ns(void) {
    struct timespec used;

    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used), 0);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* Processor time of one walk: the least of some, because the first may take longer. */
static int64_t walk_ns(int fd) {
    int64_t least = INT64_MAX;

    for (int i = 0; i < 5; i++) {
        int copy = dup(fd);
        assert_true(copy >= 0);
        int64_t before = own_ns();
        (void)close(copy);
        int64_t used = own_ns() - before;
        least = least_of(least, used);
    }
    return least;
}

/* Of the broker's first thread. */
static int64_t loop_ns(pid_t pid) {
    char path[64];
    long long used = -1;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/schedstat", (int)pid, (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        test_skip("the kernel does not tell the processor time of a thread");
    int n = fscanf(file, "%lld", &used);
    (void)fclose(file);
    assert_int_equal(n, 1);
    return used;
}

/* On which locks are put, by this descriptor. Before Linux 6.9 these would be on the inode of all eventfds. */
static int open_process(pid_t pid) {
    int fd = fixture_own((int)syscall(SYS_pidfd_open, pid, 0u));
    int count = eventfd(0, EFD_CLOEXEC);
    struct stat process, other;

    assert_int_equal(fstat(fd, &process) + fstat(count, &other), 0);
    (void)close(count);
    if (process.st_dev == other.st_dev)
        test_skip("the kernel has no inode for each process");
    return fd;
}

/* A client comes, says hello, and leaves. */
typedef void visit(int process);

/* The loop's, until the broker has closed what it does not keep. */
static int64_t visits_ns(visit *pay, int process, size_t kept) {
    int64_t before = loop_ns(fixture_broker()->pid);

    for (int i = 0; i < HELLOS; i++)
        pay(process);
    fixture_until_fds(fixture_broker(), kept);
    return loop_ns(fixture_broker()->pid) - before;
}

static void no_visit_takes_a_walk(visit *pay, pid_t pid, size_t kept) {
    int64_t ordinary = INT64_MAX, used = INT64_MAX, walk = 0;
    int process = open_process(pid);

    for (int i = 0; i < TRIES; i++)
        ordinary = least_of(ordinary, visits_ns(pay, process, kept));
    for (int part = 0; part < PARTS && walk <= ordinary / HELLOS; part++) {
        put_locks(process, part);
        walk = walk_ns(process);
    }
    for (int i = 0; i < TRIES && used > ordinary + FEW * walk; i++)
        used = least_of(used, visits_ns(pay, process, kept));
    assert_in_range(used, 0, ordinary + FEW * walk);
}

static int live(void *data) {
    (void)data;
    (void)pause();
    return 0;
}

static void name_owners(int process) {
    Portd__V1__Hello hello = raw_hello_make();
    int fds[OWNERS];
    struct raw raw;

    hello.owners_attached = OWNERS;
    hello.numbers_case = PORTD__V1__HELLO__NUMBERS_NUMBERS_NOBODY;
    hello.numbers_nobody = true;
    for (int i = 0; i < OWNERS; i++)
        fds[i] = process;
    guest_connect(&raw);
    assert_int_equal(raw_hello_with(&raw, &hello, fds, OWNERS), 0);
    guest_close(&raw);
}

static void owners_with_locks_take_the_loop_no_time(void **state) {
    (void)state;
    no_visit_takes_a_walk(name_owners, fixture_fork(live, NULL),
                          1); /* of the session, which the process owns */
}

static void name_nobody(int process) {
    struct raw raw;

    (void)process;
    guest_open(&raw);
    guest_is_served(&raw);
    guest_close(&raw);
}

static void locks_on_a_client_take_the_loop_no_time(void **state) {
    (void)state;
    no_visit_takes_a_walk(name_nobody, getpid(), 0);
}

static void end_session(struct raw *raw) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;

    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    assert_int_equal(raw_code(raw_ask(raw, &request)), 0);
    guest_close(raw);
}

static void name_by_pid(int process) {
    Portd__V1__Hello hello = raw_hello_make();
    uint32_t pid = (uint32_t)getpid();
    struct raw raw;

    (void)process;
    hello.n_owner_pids = 1;
    hello.owner_pids = &pid;
    hello.new_ = true;
    guest_connect(&raw);
    assert_int_equal(raw_hello_with(&raw, &hello, NULL, 0), 0);
    end_session(&raw);
}

/* Only fdinfo tells whether the client means the same pids. A worker reads it, while another closes what the previous hello had opened. */
static void a_client_with_locks_names_processes_by_pids(void **state) {
    (void)state;
    no_visit_takes_a_walk(name_by_pid, getpid(), 0);
}

/* A worker reads for one at a time: most of them leave while theirs waits for it. */
static void clients_that_leave_before_the_answer_leave_nothing(void **state) {
    uint32_t pid = (uint32_t)getpid();
    Portd__V1__Hello hello = raw_hello_make();
    raw_request request = PORTD__V1__REQUEST__INIT;
    struct raw raws[HELLOS];

    (void)state;
    put_locks(open_process(getpid()), 0);
    hello.n_owner_pids = 1;
    hello.owner_pids = &pid;
    hello.find = true;
    request.id = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    request.hello = &hello;
    for (int i = 0; i < HELLOS; i++) {
        guest_connect(&raws[i]);
        assert_int_equal(raw_send_request(&raws[i], &request, NULL, 0), 0);
    }
    for (int i = 1; i < HELLOS; i++)
        guest_close(&raws[i]);
    guest_is_told(&raws[0], 1, PORTD__V1__CODE__CODE_NOT_FOUND);
    guest_close(&raws[0]);
    fixture_until_fds(fixture_broker(), 0);
}

static void start_wait_one(struct raw *raw, uint64_t id, uint64_t object) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;

    wait.n_ids = 1;
    wait.ids = &object;
    wait.one = true;
    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &wait;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

/* Wake-one waits in both directions, neither of which is ready: the broker has a second copy. What the loop takes for their end, and a walk of the
 * locks, if there are any. */
static int64_t second_copy_ns(bool locked, int64_t *walk) {
    static const char bytes[4096];
    uint64_t in, out;
    struct raw raw;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
    while (write(ends[0], bytes, sizeof bytes) > 0)
        ;
    guest_open(&raw);
    assert_int_equal(raw_evt(&raw, ends[0], ends[0], PORTD__V1__MODE__MODE_READ, &in), 0);
    assert_int_equal(raw_evt(&raw, ends[0], ends[0], PORTD__V1__MODE__MODE_WRITE, &out), 0);
    start_wait_one(&raw, 100, in);
    start_wait_one(&raw, 101, out);
    guest_is_served(&raw);
    fixture_until_fds(fixture_broker(), 3);
    if (locked)
        put_locks(ends[0], 0);
    *walk = walk_ns(ends[0]);
    int64_t before = loop_ns(fixture_broker()->pid);
    guest_close(&raw);
    fixture_until_fds(fixture_broker(), 0);
    int64_t used = loop_ns(fixture_broker()->pid) - before;
    fixture_close(ends[0]);
    fixture_close(ends[1]);
    return used;
}

static void a_second_copy_takes_the_loop_no_time(void **state) {
    int64_t ordinary = INT64_MAX, used = INT64_MAX, walk = 0;

    (void)state;
    for (int i = 0; i < TRIES; i++)
        ordinary = least_of(ordinary, second_copy_ns(false, &walk));
    for (int i = 0; i < TRIES && used > ordinary + walk; i++)
        used = second_copy_ns(true, &walk);
    assert_in_range(used, 0, ordinary + walk);
}

static void hand_over(struct raw *raw, int fd, int64_t number) {
    uint64_t id;

    assert_int_equal(raw_evt(raw, fd, number, PORTD__V1__MODE__MODE_WRITE, &id), 0);
}

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLET, .data = {.fd = fd}};

    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

/* An epoll descriptor tells first what became ready first. */
static int next_of(int epoll) {
    struct epoll_event event;

    assert_int_equal(epoll_wait(epoll, &event, 1, FIXTURE_PATIENCE_MS), 1);
    return event.data.fd;
}

/* The end of the process would close one of the others after the locked one, whichever its order is. */
static void what_has_no_locks_ends_first(void **state) {
    static struct fixture broker;
    int locked[2], between[2], after[2], epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));
    struct raw raw;

    (void)state;
    fixture_start(&broker, NULL);
    guest_pipe(locked);
    guest_pipe(between);
    guest_pipe(after);
    guest_open_at(&raw, broker.address);
    put_locks(locked[1], 0);
    for (int i = 0; i < NUMBERS; i++)
        hand_over(&raw, i == NUMBERS / 2 ? between[1] : locked[1], i);
    hand_over(&raw, after[1], NUMBERS);
    watch(epoll, locked[0]);
    watch(epoll, between[0]);
    watch(epoll, after[0]);
    fixture_close(locked[1]);
    fixture_close(between[1]);
    fixture_close(after[1]);
    fixture_stop(&broker);
    int first = next_of(epoll), second = next_of(epoll);
    assert_true((first == between[0] && second == after[0]) || (first == after[0] && second == between[0]));
    assert_int_equal(next_of(epoll), locked[0]);
}

TEST_MAIN(FIXTURE_CASE(owners_with_locks_take_the_loop_no_time),
          FIXTURE_CASE(locks_on_a_client_take_the_loop_no_time),
          FIXTURE_CASE(a_client_with_locks_names_processes_by_pids),
          FIXTURE_CASE(clients_that_leave_before_the_answer_leave_nothing),
          FIXTURE_CASE(a_second_copy_takes_the_loop_no_time), FIXTURE_CASE_BARE(what_has_no_locks_ends_first))
