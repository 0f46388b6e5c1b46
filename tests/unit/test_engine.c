/* test_engine.c: the contract of engine.h, on every kind of descriptor. This file is meant for every engine. */
#include "tests/support/test.h"

#include "daemon/readiness/engine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

enum { TOKEN = 0x1234567 };

static const unsigned half_closed = ENGINE_READ | ENGINE_HALF_CLOSE;

static struct engine *engine;

static void begin(void) {
    engine = engine_new();
    assert_non_null(engine);
}

/* What the engine tells of TOKEN now; 0 if it is silent. */
static unsigned told(void) {
    struct engine_event events[4];
    int n = engine_wait(engine, events, 4);

    assert_in_range(n, 0, 1);
    if (n == 0)
        return 0;
    assert_int_equal(events[0].token, TOKEN);
    return events[0].events;
}

/* The same, but waits for it: where the kernel tells a little later, as with connections and processes. */
static unsigned told_in_time(void) {
    struct pollfd look = {.fd = engine_pollable(engine), .events = POLLIN};

    assert_int_equal(poll(&look, 1, -1), 1);
    return told();
}

static int arm(struct engine_watch *watch, int fd, unsigned interest) {
    return engine_arm(engine, watch, fd, interest, false, TOKEN);
}

static unsigned probed(int fd, unsigned interest) {
    struct engine_probe probe = {.fd = fd, .interest = (uint8_t)interest};

    assert_int_equal(engine_probe(&probe, 1), 0);
    return probe.events;
}

/* A pair whose first end can become readable by `excite`. */
struct pair {
    int fd;
    int other; /* -1: none */
    void (*excite)(struct pair *pair);
    bool writable; /* from the start */
};

static void excite_by_writing(struct pair *pair) { assert_int_equal(write(pair->other, "12345678", 8), 8); }

static void pair_of_pipe(struct pair *pair) {
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    *pair = (struct pair){ends[0], ends[1], excite_by_writing, false};
}

static void pair_of_fifo(struct pair *pair) {
    char path[] = "/tmp/test_engine.XXXXXX", fifo[64];

    assert_non_null(mkdtemp(path));
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    pair->fd = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    *pair = (struct pair){pair->fd, open(fifo, O_WRONLY | O_CLOEXEC), excite_by_writing, false};
    assert_int_equal(unlink(fifo), 0);
    assert_int_equal(rmdir(path), 0);
}

static void pair_of_unix(struct pair *pair, int type) {
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    *pair = (struct pair){ends[0], ends[1], excite_by_writing, true};
}

static void pair_of_unix_stream(struct pair *pair) { pair_of_unix(pair, SOCK_STREAM); }
static void pair_of_unix_dgram(struct pair *pair) { pair_of_unix(pair, SOCK_DGRAM); }
static void pair_of_unix_seqpacket(struct pair *pair) { pair_of_unix(pair, SOCK_SEQPACKET); }

static int bound(int type, struct sockaddr_in *address) {
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof(*address);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

static void pair_of_udp(struct pair *pair) {
    struct sockaddr_in address;
    int fd = bound(SOCK_DGRAM, &address), other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    *pair = (struct pair){fd, other, excite_by_writing, true};
}

static void pair_of_tcp(struct pair *pair) {
    struct sockaddr_in address;
    int listener = bound(SOCK_STREAM, &address), other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    *pair = (struct pair){accept4(listener, NULL, NULL, SOCK_CLOEXEC), other, excite_by_writing, true};
    close(listener);
}

static void excite_by_connecting(struct pair *pair) {
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    assert_int_equal(getsockname(pair->fd, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(connect(pair->other, (struct sockaddr *)&address, length), 0);
}

static void pair_of_listener(struct pair *pair) {
    struct sockaddr_in address;
    int listener = bound(SOCK_STREAM, &address);

    assert_int_equal(listen(listener, 1), 0);
    *pair =
        (struct pair){listener, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), excite_by_connecting, false};
}

static void excite_by_counting(struct pair *pair) { assert_int_equal(eventfd_write(pair->fd, 1), 0); }

static void pair_of_eventfd(struct pair *pair) {
    *pair = (struct pair){eventfd(0, EFD_CLOEXEC), -1, excite_by_counting, true};
}

static void excite_by_setting_time(struct pair *pair) {
    assert_int_equal(timerfd_settime(pair->fd, 0, &(struct itimerspec){.it_value.tv_nsec = 1}, NULL), 0);
}

static void pair_of_timerfd(struct pair *pair) {
    *pair = (struct pair){timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), -1, excite_by_setting_time, false};
}

static void excite_by_making_a_file(struct pair *pair) {
    char path[] = "/tmp/test_engine.XXXXXX";
    int fd = mkstemp(path);

    (void)pair;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(path), 0);
}

static void pair_of_inotify(struct pair *pair) {
    *pair = (struct pair){inotify_init1(IN_CLOEXEC), -1, excite_by_making_a_file, false};
    assert_true(inotify_add_watch(pair->fd, "/tmp", IN_CREATE) > 0);
}

static void excite_by_ending_a_process(struct pair *pair) {
    close(pair->other);
    pair->other = -1;
}

/* A child that ends when the other end of its pipe is closed. */
static void pair_of_pidfd(struct pair *pair) {
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    *pair = (struct pair){(int)syscall(SYS_pidfd_open, child, 0), ends[1], excite_by_ending_a_process, false};
    assert_true(pair->fd >= 0);
}

static void pair_of_pty_master(struct pair *pair) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    *pair =
        (struct pair){master, open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC), excite_by_writing, true};
}

static void excite_by_a_line(struct pair *pair) { assert_int_equal(write(pair->other, "line\n", 5), 5); }

static void pair_of_pty_slave(struct pair *pair) {
    pair_of_pty_master(pair);
    *pair = (struct pair){pair->other, pair->fd, excite_by_a_line, true};
}

static void excite_inside(struct pair *pair) { assert_int_equal(eventfd_write(pair->other, 1), 0); }

static void pair_of_epoll(struct pair *pair) {
    struct epoll_event event = {.events = EPOLLIN};

    *pair = (struct pair){epoll_create1(EPOLL_CLOEXEC), eventfd(0, EFD_CLOEXEC), excite_inside, false};
    assert_int_equal(epoll_ctl(pair->fd, EPOLL_CTL_ADD, pair->other, &event), 0);
}

static void pair_close(struct pair *pair) {
    close(pair->fd);
    if (pair->other >= 0)
        close(pair->other);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

static const struct {
    const char *name;
    void (*make)(struct pair *pair);
} kinds[] = {
    {"pipe", pair_of_pipe},
    {"fifo", pair_of_fifo},
    {"unix stream", pair_of_unix_stream},
    {"unix datagram", pair_of_unix_dgram},
    {"unix seqpacket", pair_of_unix_seqpacket},
    {"udp", pair_of_udp},
    {"tcp", pair_of_tcp},
    {"listener", pair_of_listener},
    {"eventfd", pair_of_eventfd},
    {"timerfd", pair_of_timerfd},
    {"inotify", pair_of_inotify},
    {"pidfd", pair_of_pidfd},
    {"pty master", pair_of_pty_master},
    {"pty slave", pair_of_pty_slave},
    {"epoll", pair_of_epoll},
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* Idle, excited while armed, told once, still ready when armed again, silent after disarming. */
static void every_kind_is_told_once_when_it_becomes_readable(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct engine_watch watch = {0};
        struct pair pair;
        begin();
        kinds[i].make(&pair);
        print_message("%s\n", kinds[i].name);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
        assert_int_equal(engine_watch_interest(&watch), ENGINE_READ);
        assert_false(engine_watch_is_edge(&watch));
        assert_int_equal(told(), 0);
        assert_int_equal(probed(pair.fd, ENGINE_READ), 0);
        pair.excite(&pair);
        assert_true(told_in_time() & ENGINE_READ);
        assert_int_equal(told(), 0);
        assert_true(probed(pair.fd, ENGINE_READ) & ENGINE_READ);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
        assert_true(told() & ENGINE_READ);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
        engine_disarm(engine, &watch, pair.fd);
        assert_int_equal(engine_watch_interest(&watch), 0);
        assert_int_equal(told(), 0);
        pair_close(&pair);
        engine_free(engine);
    }
}

static void every_kind_is_told_when_it_is_readable_already(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct engine_watch watch = {0};
        struct pair pair;
        begin();
        kinds[i].make(&pair);
        pair.excite(&pair);
        (void)poll(&(struct pollfd){.fd = pair.fd, .events = POLLIN}, 1, -1);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
        assert_true(told() & ENGINE_READ);
        engine_disarm(engine, &watch, pair.fd);
        pair_close(&pair);
        engine_free(engine);
    }
}

static void writing_is_told_where_there_is_room(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct engine_watch watch = {0};
        struct pair pair;
        begin();
        kinds[i].make(&pair);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
        assert_int_equal(told(), pair.writable ? ENGINE_WRITE : 0);
        assert_int_equal(probed(pair.fd, ENGINE_WRITE), pair.writable ? ENGINE_WRITE : 0);
        engine_disarm(engine, &watch, pair.fd);
        pair_close(&pair);
        engine_free(engine);
    }
}

static void the_flags_of_the_open_file_are_not_changed(void **state) {
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct engine_watch watch = {0};
        struct pair pair;
        begin();
        kinds[i].make(&pair);
        int before = fcntl(pair.fd, F_GETFL);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_READ | ENGINE_WRITE), 0);
        (void)told();
        (void)probed(pair.fd, ENGINE_READ);
        assert_int_equal(fcntl(pair.fd, F_GETFL), before);
        engine_disarm(engine, &watch, pair.fd);
        pair_close(&pair);
        engine_free(engine);
    }
}

static void what_the_kernel_cannot_watch_is_unsupported(void **state) {
    char path[] = "/tmp/test_engine.XXXXXX";
    int fds[] = {mkstemp(path), open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                 open("/dev/null", O_RDWR | O_CLOEXEC), memfd_create("test", MFD_CLOEXEC),
                 open("/dev/zero", O_RDONLY | O_CLOEXEC)};

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
        struct engine_watch watch = {0};
        assert_true(fds[i] >= 0);
        assert_int_equal(arm(&watch, fds[i], ENGINE_READ), ENGINE_E_UNSUPPORTED);
        assert_int_equal(engine_watch_interest(&watch), 0);
        assert_int_equal(probed(fds[i], ENGINE_READ | ENGINE_WRITE), ENGINE_READ | ENGINE_WRITE);
        close(fds[i]);
    }
    assert_int_equal(unlink(path), 0);
    engine_free(engine);
}

static void what_can_be_watched_is_told_without_asking_it(void **state) {
    static const char *const never[] = {"/", "/dev/null", "/etc/passwd"};
    struct engine_watch watch = {0};
    int ends[2], loop = epoll_create1(EPOLL_CLOEXEC), file = memfd_create("test", MFD_CLOEXEC);
    int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);

    (void)state;
    begin();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_true(engine_can_watch(engine, fd));
    assert_true(engine_can_watch(engine, ends[0]));
    assert_true(engine_can_watch(engine, loop));
    assert_false(engine_can_watch(engine, file));
    assert_int_equal(arm(&watch, ends[1], ENGINE_WRITE), 0); /* and others are left alone by it */
    assert_true(told() & ENGINE_WRITE);
    engine_disarm(engine, &watch, ends[1]);
    int all[] = {ends[0], ends[1], loop, file, fd};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        close(all[i]);
    for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
        fd = open(never[i], O_RDONLY | O_CLOEXEC);
        assert_false(engine_can_watch(engine, fd));
        close(fd);
    }
    engine_free(engine);
}

/* The kernel decides, not the kind of file. */
static void a_file_of_proc_can_be_watched(void **state) {
    struct engine_watch watch = {0};
    int fd = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
    struct stat status;

    (void)state;
    begin();
    assert_int_equal(fstat(fd, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(arm(&watch, fd, ENGINE_READ), 0);
    assert_true(told() & ENGINE_READ);
    engine_disarm(engine, &watch, fd);
    close(fd);
    engine_free(engine);
}

static void a_cycle_is_told_from_a_failure(void **state) {
    struct epoll_event event = {.events = EPOLLIN};
    struct engine_watch watch = {0};
    int outer = epoll_create1(EPOLL_CLOEXEC), chain[8];

    (void)state;
    begin();
    assert_int_equal(arm(&watch, engine_pollable(engine), ENGINE_READ), ENGINE_E_CYCLE);
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, engine_pollable(engine), &event), 0);
    assert_int_equal(arm(&watch, outer, ENGINE_READ), ENGINE_E_CYCLE);
    assert_int_equal(engine_watch_interest(&watch), 0);
    close(outer);
    /* Nested too deep, without a cycle. */
    for (size_t i = 0; i < 8; i++) {
        chain[i] = epoll_create1(EPOLL_CLOEXEC);
        if (i > 0 && epoll_ctl(chain[i], EPOLL_CTL_ADD, chain[i - 1], &event) < 0)
            assert_int_equal(errno, ELOOP);
    }
    assert_int_equal(arm(&watch, chain[4], ENGINE_READ), ENGINE_E_CYCLE);
    assert_int_equal(arm(&watch, chain[3], ENGINE_READ), 0);
    engine_disarm(engine, &watch, chain[3]);
    for (size_t i = 0; i < 8; i++)
        close(chain[i]);
    engine_free(engine);
}

static void a_failure_changes_nothing(void **state) {
    struct engine_watch watch = {0}, before;
    struct pair pair;

    (void)state;
    begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, 1000, ENGINE_READ), -EBADF);
    assert_int_equal(engine_watch_interest(&watch), 0);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    before = watch;
    assert_int_equal(arm(&watch, 1000, ENGINE_WRITE), -EBADF);
    assert_memory_equal(&watch, &before, sizeof(watch));
    pair.excite(&pair);
    assert_int_equal(told(), ENGINE_READ);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

static void arming_again_replaces_interest_and_token(void **state) {
    struct engine_watch watch = {0};
    struct engine_event event;
    struct pair pair;

    (void)state;
    begin();
    pair_of_unix_stream(&pair);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, false, 1), 0);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_WRITE, false, UINT64_MAX), 0);
    assert_int_equal(engine_wait(engine, &event, 1), 1);
    assert_int_equal(event.events, ENGINE_WRITE);
    assert_true(event.token == UINT64_MAX);
    pair.excite(&pair);
    assert_int_equal(engine_wait(engine, &event, 1), 0);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ | ENGINE_WRITE, false, 2), 0);
    assert_int_equal(engine_wait(engine, &event, 1), 1);
    assert_int_equal(event.events, ENGINE_READ | ENGINE_WRITE);
    engine_disarm(engine, &watch, pair.fd);
    pair_close(&pair);
    engine_free(engine);
}

static void an_edge_watch_tells_of_each_new_activity(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;
    char bytes[8];

    (void)state;
    begin();
    pair_of_unix_stream(&pair);
    assert_int_equal(engine_arm(engine, &watch, pair.fd, ENGINE_READ, true, TOKEN), 0);
    assert_true(engine_watch_is_edge(&watch));
    assert_int_equal(told(), 0);
    for (size_t i = 0; i < 3; i++) {
        pair.excite(&pair); /* what came before is still unread */
        assert_int_equal(told(), ENGINE_READ);
        assert_int_equal(told(), 0);
    }
    assert_int_equal(read(pair.fd, bytes, sizeof(bytes)), 8);
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
    begin();
    pair_of_pipe(&first);
    int copy = dup(first.fd); /* the open file lives on */
    assert_int_equal(engine_arm(engine, &old, first.fd, ENGINE_READ, false, 1), 0);
    engine_disarm(engine, &old, first.fd);
    pair_of_pipe(&second);
    assert_int_equal(dup2(second.fd, first.fd), first.fd);
    assert_int_equal(engine_arm(engine, &new, first.fd, ENGINE_READ, false, 2), 0);
    first.excite(&first);
    assert_int_equal(engine_wait(engine, &event, 1), 0);
    second.excite(&second);
    assert_int_equal(engine_wait(engine, &event, 1), 1);
    assert_true(event.token == 2);
    engine_disarm(engine, &new, first.fd);
    close(copy);
    pair_close(&first);
    pair_close(&second);
    engine_free(engine);
}

static void an_entry_that_vanished_is_made_again(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;
    int number;

    (void)state;
    begin();
    pair_of_pipe(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    number = pair.fd;
    pair_close(&pair); /* too early: the kernel drops its entry */
    pair_of_pipe(&pair);
    assert_int_equal(pair.fd, number);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    pair.excite(&pair);
    assert_int_equal(told(), ENGINE_READ);
    engine_disarm(engine, &watch, pair.fd);
    engine_disarm(engine, &watch, pair.fd); /* harmless */
    pair_close(&pair);
    engine_free(engine);
}

static void hang_up_and_error_are_told_whatever_the_interest(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    begin();
    pair_of_pipe(&pair); /* the reading end, watched for writing */
    assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
    close(pair.other);
    assert_int_equal(told(), ENGINE_HANG_UP);
    assert_int_equal(probed(pair.fd, ENGINE_WRITE), ENGINE_HANG_UP);
    engine_disarm(engine, &watch, pair.fd);
    close(pair.fd);

    pair_of_pipe(&pair); /* the writing end, watched for reading */
    assert_int_equal(arm(&watch, pair.other, ENGINE_READ), 0);
    close(pair.fd);
    assert_int_equal(told(), ENGINE_ERROR);
    assert_int_equal(probed(pair.other, ENGINE_READ), ENGINE_ERROR);
    engine_disarm(engine, &watch, pair.other);
    close(pair.other);

    pair_of_unix_stream(&pair);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    close(pair.other);
    assert_int_equal(told(), half_closed | ENGINE_HANG_UP);
    assert_int_equal(probed(pair.fd, ENGINE_READ), half_closed | ENGINE_HANG_UP);
    engine_disarm(engine, &watch, pair.fd);
    close(pair.fd);
    engine_free(engine);
}

static void fill(int fd) {
    static const char bytes[4096];

    while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
}

static void half_close_is_told_with_read_only(void **state) {
    (void)state;
    for (size_t tcp = 0; tcp < 2; tcp++) {
        struct engine_watch watch = {0};
        struct pair pair;
        begin();
        if (tcp)
            pair_of_tcp(&pair);
        else
            pair_of_unix_stream(&pair);
        fill(pair.fd);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
        assert_int_equal(told(), 0);
        assert_int_equal(shutdown(pair.other, SHUT_WR), 0);
        assert_int_equal(poll(&(struct pollfd){.fd = pair.fd, .events = POLLRDHUP}, 1, -1), 1);
        assert_int_equal(told(), 0);
        assert_int_equal(probed(pair.fd, ENGINE_WRITE), 0);
        assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
        assert_int_equal(told(), half_closed);
        assert_int_equal(probed(pair.fd, ENGINE_READ), half_closed);
        engine_disarm(engine, &watch, pair.fd);
        pair_close(&pair);
        engine_free(engine);
    }
}

static void a_reset_connection_is_an_error(void **state) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    begin();
    pair_of_tcp(&pair);
    fill(pair.fd);
    assert_int_equal(arm(&watch, pair.fd, ENGINE_WRITE), 0);
    assert_int_equal(setsockopt(pair.other, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(pair.other);
    assert_true(told_in_time() & ENGINE_ERROR);
    /* Looking takes the error from nobody. */
    assert_true(probed(pair.fd, ENGINE_WRITE) & ENGINE_ERROR);
    assert_int_equal(send(pair.fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, ECONNRESET);
    engine_disarm(engine, &watch, pair.fd);
    close(pair.fd);
    engine_free(engine);
}

static void two_copies_of_one_open_file_are_two_watches(void **state) {
    struct engine_watch watches[2] = {{0}, {0}};
    struct engine_event events[4];
    struct pair pair;

    (void)state;
    begin();
    pair_of_pipe(&pair);
    int copy = dup(pair.fd);
    assert_int_equal(engine_arm(engine, &watches[0], pair.fd, ENGINE_READ, false, 1), 0);
    assert_int_equal(engine_arm(engine, &watches[1], copy, ENGINE_READ, false, 2), 0);
    pair.excite(&pair);
    assert_int_equal(engine_wait(engine, events, 4), 2);
    assert_true(events[0].token + events[1].token == 3);
    engine_disarm(engine, &watches[0], pair.fd);
    assert_int_equal(engine_arm(engine, &watches[1], copy, ENGINE_READ, false, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    engine_disarm(engine, &watches[1], copy);
    close(copy);
    pair_close(&pair);
    engine_free(engine);
}

/* More that are ready than are asked for at once: each is told once, none is lost. */
static void many_answers_come_in_portions(void **state) {
    enum { MANY = 300 };
    struct engine_watch watches[MANY] = {{0}};
    struct engine_event events[200];
    size_t times[MANY] = {0}, total = 0;
    int fds[MANY], n;

    (void)state;
    begin();
    for (size_t i = 0; i < MANY; i++) {
        fds[i] = eventfd(1, EFD_CLOEXEC);
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
        close(fds[i]);
    }
    engine_free(engine);
}

static void the_engine_is_readable_when_it_has_something_to_tell(void **state) {
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    begin();
    pair_of_pipe(&pair);
    struct pollfd look = {.fd = engine_pollable(engine), .events = POLLIN};
    assert_int_equal(arm(&watch, pair.fd, ENGINE_READ), 0);
    assert_int_equal(poll(&look, 1, 0), 0);
    pair.excite(&pair);
    assert_int_equal(poll(&look, 1, 0), 1);
    assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(poll(&look, 1, 0), 0);
    assert_int_equal(fcntl(look.fd, F_GETFD), FD_CLOEXEC);
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
    probes[4] = (struct engine_probe){.fd = 1000, .interest = ENGINE_READ}; /* not open */
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
    begin();
    pair_of_pipe(&pair);
    assert_int_equal(engine_keep(engine, pair.fd, 0, 0, TOKEN), 0);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), 0);
    pair.excite(&pair);
    for (int i = 0; i < 3; i++)
        assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    assert_int_equal(told(), 0);
    assert_int_equal(engine_keep(engine, pair.fd, 0, ENGINE_READ, TOKEN), 0);
    assert_int_equal(told(), ENGINE_READ);
    assert_int_equal(engine_keep(engine, pair.fd, ENGINE_READ, 0, TOKEN), 0);
    pair_close(&pair);
    engine_free(engine);
}

static void what_is_not_kept_hides_even_a_hang_up(void **state) {
    int ends[2];

    (void)state;
    begin();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(engine_keep(engine, ends[0], 0, ENGINE_READ, TOKEN), 0);
    close(ends[1]);
    assert_int_equal(told(), ENGINE_HANG_UP);
    assert_int_equal(engine_keep(engine, ends[0], ENGINE_READ, 0, TOKEN), 0);
    assert_int_equal(told(), 0);
    close(ends[0]);
    assert_int_equal(engine_keep(engine, ends[0], 0, ENGINE_READ, TOKEN), -EBADF);
    engine_free(engine);
}

static void sleeping_ends_with_an_answer_or_in_time(void **state) {
    struct engine_event event;
    struct engine_watch watch = {0};
    struct pair pair;

    (void)state;
    begin();
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

/* In an epoll that lies in another one the kernel allows a file so many entries. That is a limit, and nothing with a cycle. */
static void a_file_that_is_watched_too_often_is_at_a_limit(void **state) {
    enum { MOST = 500 };
    struct engine_watch watch = {0}, last = {0};
    struct epoll_event event = {.events = EPOLLIN};
    int outer = epoll_create1(EPOLL_CLOEXEC), ends[2], copies[MOST];
    size_t n = 0;
    int result = 0;

    (void)state;
    begin();
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(epoll_ctl(outer, EPOLL_CTL_ADD, engine_pollable(engine), &event), 0);
    assert_int_equal(arm(&watch, ends[0], ENGINE_READ), 0);
    while (n < MOST && !result) {
        copies[n] = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
        assert_true(copies[n] >= 0);
        last = (struct engine_watch){0};
        result = arm(&last, copies[n++], ENGINE_READ);
    }
    assert_int_equal(result, -ENOSPC);
    assert_int_equal(engine_watch_interest(&last), 0);
    while (n > 0)
        close(copies[--n]);
    engine_free(engine);
    close(outer);
    close(ends[0]);
    close(ends[1]);
}

TEST_MAIN(
    TEST_CASE(a_file_that_is_watched_too_often_is_at_a_limit),
    TEST_CASE(every_kind_is_told_once_when_it_becomes_readable),
    TEST_CASE(every_kind_is_told_when_it_is_readable_already), TEST_CASE(writing_is_told_where_there_is_room),
    TEST_CASE(the_flags_of_the_open_file_are_not_changed),
    TEST_CASE(what_the_kernel_cannot_watch_is_unsupported),
    TEST_CASE(what_can_be_watched_is_told_without_asking_it), TEST_CASE(a_file_of_proc_can_be_watched),
    TEST_CASE(a_cycle_is_told_from_a_failure), TEST_CASE(a_failure_changes_nothing),
    TEST_CASE(arming_again_replaces_interest_and_token), TEST_CASE(an_edge_watch_tells_of_each_new_activity),
    TEST_CASE(a_number_used_again_tells_nothing_of_the_old), TEST_CASE(an_entry_that_vanished_is_made_again),
    TEST_CASE(hang_up_and_error_are_told_whatever_the_interest), TEST_CASE(half_close_is_told_with_read_only),
    TEST_CASE(a_reset_connection_is_an_error), TEST_CASE(two_copies_of_one_open_file_are_two_watches),
    TEST_CASE(many_answers_come_in_portions), TEST_CASE(the_engine_is_readable_when_it_has_something_to_tell),
    TEST_CASE(probing_many_at_once), TEST_CASE(what_is_kept_is_told_as_long_as_it_holds),
    TEST_CASE(what_is_not_kept_hides_even_a_hang_up), TEST_CASE(sleeping_ends_with_an_answer_or_in_time))
