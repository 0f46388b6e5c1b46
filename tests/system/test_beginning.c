/* test_beginning.c: how a broker starts and when it exits: inherited signals, the descriptor for readiness notification, and
 * abandoned connections. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

static void need_daemon(void) {
    if (!getenv("PORTD_DAEMON"))
        test_skip("PORTD_DAEMON does not name the broker");
}

/* ---- signals ------------------------------------------------------------------------------------------------------ */

static void blocked_signals_are_let_through(void **state) {
    static struct fixture fixture;
    sigset_t all, before;

    (void)state;
    need_daemon();
    sigfillset(&all);
    assert_int_equal(sigprocmask(SIG_SETMASK, &all, &before), 0);
    fixture_start(&fixture, NULL);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    fixture_stop(&fixture);
}

static void ignored_signals_stay_ignored_but_for_the_one_that_ends(void **state) {
    static struct fixture fixture;
    static const int numbers[] = {SIGINT, SIGHUP, SIGTERM};
    struct sigaction before[3], ignore = {.sa_handler = SIG_IGN};

    (void)state;
    need_daemon();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sigaction(numbers[i], &ignore, &before[i]), 0);
    fixture_start(&fixture, NULL);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sigaction(numbers[i], &before[i], NULL), 0);
    portd_client *client = fixture_client_at(fixture.address, NULL);
    assert_int_equal(kill(fixture.pid, SIGINT), 0);
    assert_int_equal(kill(fixture.pid, SIGHUP), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(portd_ping(client, fixture_soon()), 1);
    fixture_disconnect(client);
    fixture_stop(&fixture);
}

/* ---- readiness ---------------------------------------------------------------------------------------------------- */

struct told {
    const char *number; /* for --notify-fd */
    int written[2];
    bool both;         /* standard error goes to the same pipe */
    bool closed;       /* standard streams */
    const char *limit; /* for --idle-exit */
    int locks;         /* on what is kept */
    char address[FIXTURE_PATH];
};

static int become(void *data) {
    const struct told *told = data;
    const char *program = getenv("PORTD_DAEMON");
    int pipe_end = fcntl(told->written[1], F_DUPFD, 10), null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (!program || pipe_end < 0 || null < 0 || dup2(told->both ? pipe_end : null, 2) != 2 ||
        dup2(pipe_end, 3) != 3 || close(pipe_end) < 0)
        return 100;
    for (int fd = 4; fd < 10; fd++)
        (void)close(fd);
    if (told->closed)
        for (int fd = 0; fd < 3; fd++)
            (void)close(fd);
    (void)execl(program, "portd", "--listen", told->address, "--notify-fd", told->number, "--log-level",
                "debug", "--idle-exit", told->limit, (char *)NULL);
    return 102;
}

static void tell(struct told *told) {
    assert_int_equal(pipe2(told->written, O_CLOEXEC), 0);
    (void)fixture_own(told->written[0]);
}

static void clean(const struct told *told) {
    char folder[FIXTURE_PATH];

    (void)snprintf(folder, sizeof(folder), "%s", told->address + strlen("unix:"));
    *strrchr(folder, '/') = '\0';
    assert_int_equal(rmdir(folder), 0); /* nothing is left in it */
}

static void place(struct told *told) {
    char folder[] = "/tmp/portd-beginning.XXXXXX";

    assert_non_null(mkdtemp(folder));
    (void)snprintf(told->address, sizeof(told->address), "unix:%s/s", folder);
}

/* The log must not be taken for the word that the broker is ready. */
static void readiness_is_told_by_nothing_else(void **state) {
    static const struct {
        const char *number;
        bool both;
    } wrong[] = {{"0", false}, {"1", false}, {"2", true}, {"3", true}, {"7", false}};
    char byte;

    (void)state;
    need_daemon();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct told told = {.number = wrong[i].number, .both = wrong[i].both, .limit = "1ms"};
        place(&told);
        tell(&told);
        pid_t broker = fixture_fork(become, &told);
        assert_int_equal(close(told.written[1]), 0);
        assert_int_equal(fixture_reap(broker), 2);
        assert_int_equal(read(told.written[0], &byte, 1), 0);
        fixture_close(told.written[0]);
        clean(&told);
    }
}

static pid_t begin(struct told *told) {
    char byte;

    place(told);
    tell(told);
    told->number = "3";
    pid_t broker = fixture_fork(become, told);
    assert_int_equal(close(told->written[1]), 0);
    assert_int_equal(read(told->written[0], &byte, 1), 1);
    assert_int_equal(byte, '\n');
    fixture_close(told->written[0]);
    return broker;
}

static void standard_streams_are_never_anything_else(void **state) {
    struct told told = {.closed = true, .limit = "1h"};
    char path[64], target[64];

    (void)state;
    need_daemon();
    pid_t broker = begin(&told);
    for (int fd = 0; fd < 3; fd++) {
        (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)broker, fd);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        assert_true(n > 0);
        target[n] = '\0';
        assert_string_equal(target, "/dev/null");
    }
    assert_int_equal(kill(broker, SIGTERM), 0);
    assert_int_equal(fixture_reap(broker), 0);
    clean(&told);
}

/* ---- connections that nobody has ---------------------------------------------------------------------------------- */

enum { DEPTH = 3 };

/* Has a socket kept, and leaves its own connection in the queue of that, inside others. */
static int leave_inside(void *data) {
    const struct told *told = data;
    struct raw raw;
    int kept[2], inner[2];
    uint64_t id;

    if (raw_open(&raw, told->address) || socketpair(AF_UNIX, SOCK_STREAM, 0, kept) < 0 ||
        raw_evt(&raw, kept[0], 1000, PORTD__V1__MODE__MODE_READ, &id))
        return 1;
    int inside = raw.fd;
    for (int i = 0; i < told->locks; i++) {
        struct flock one = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 2 * i, .l_len = 1};
        if (fcntl(kept[0], F_OFD_SETLK, &one) < 0)
            return 5;
    }
    for (int i = 0; i < DEPTH; i++) {
        struct raw sender = {.fd = -1};
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, inner) < 0)
            return 2;
        sender.fd = inner[0];
        if (raw_send(&sender, "x", 1, &inside, 1))
            return 3;
        inside = inner[1];
        (void)close(inner[0]);
    }
    struct raw last = {.fd = kept[1]};
    return raw_send(&last, "x", 1, &inside, 1) ? 4 : 0;
}

/* With locks the kernel tells of these before it tells of the queue. */
static void a_connection_inside_what_is_kept_keeps_nobody(void **state) {
    (void)state;
    need_daemon();
    for (int locks = 0; locks <= 80; locks += 80) {
        struct told told = {.limit = "1s", .locks = locks};
        pid_t broker = begin(&told);
        assert_int_equal(fixture_reap(fixture_fork(leave_inside, &told)), 0);
        assert_int_equal(fixture_reap(broker), 0);
        clean(&told);
    }
}

struct passing {
    struct told told;
    int to;
};

static int pass_on(void *data) {
    const struct passing *passing = data;
    struct raw raw, way = {.fd = passing->to};

    if (raw_open(&raw, passing->told.address))
        return 1;
    return raw_send(&way, "x", 1, &raw.fd, 1) ? 2 : 0;
}

/* The process that connected has ended, and nothing is heard of the one that has the connection now: looked at twice. */
static void a_connection_that_was_passed_on_keeps_the_broker(void **state) {
    struct passing passing = {.told = {.limit = "20ms"}};
    int ends[2];
    char byte;
    struct iovec part = {&byte, 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct raw got = {.fd = -1};

    (void)state;
    need_daemon();
    pid_t broker = 0;
    for (int tries = 0; got.fd < 0; tries++) {
        assert_true(tries < 50);
        broker = begin(&passing.told);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        passing.to = ends[0];
        message.msg_controllen = sizeof(control);
        pid_t first = fixture_fork(pass_on, &passing);
        assert_int_equal(close(ends[0]), 0);
        if (recvmsg(ends[1], &message, MSG_CMSG_CLOEXEC) == 1)
            memcpy(&got.fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
        int failed = fixture_reap(first);
        assert_int_equal(close(ends[1]), 0);
        assert_int_equal(failed != 0, got.fd < 0);
        if (!failed)
            break;
        assert_int_equal(fixture_reap(broker), 0); /* it had left before anybody came */
        clean(&passing.told);
    }
    /* The broker looks each second. It must not end the connection, so that is waited for in vain. */
    struct pollfd end = {.fd = got.fd, .events = POLLIN};
    assert_int_equal(poll(&end, 1, 2500), 0);
    assert_int_equal(raw_ping(&got), 0);
    raw_close(&got);
    assert_int_equal(fixture_reap(broker), 0);
    clean(&passing.told);
}

TEST_MAIN(FIXTURE_CASE_BARE(blocked_signals_are_let_through),
          FIXTURE_CASE_BARE(ignored_signals_stay_ignored_but_for_the_one_that_ends),
          FIXTURE_CASE_BARE(readiness_is_told_by_nothing_else),
          FIXTURE_CASE_BARE(standard_streams_are_never_anything_else),
          FIXTURE_CASE_BARE(a_connection_inside_what_is_kept_keeps_nobody),
          FIXTURE_CASE_BARE(a_connection_that_was_passed_on_keeps_the_broker))
