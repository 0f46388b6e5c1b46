/* kinds.c: makes descriptors of each kind in each state. Bytes that arrive later than they were sent (TCP, terminals, timers) are
 * waited for here, so that the state is the one in the table when make returns. */
#include "kinds.h"

#include "descriptors.h"

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
#include <sys/un.h>
#include <termios.h>

/* Waits until the descriptor reports one of these events. */
static int settled(int fd, short events) {
    assert_true(fixture_poll(fd, events) & events);
    return fd;
}

static int opened(const char *path, int flags) { return fixture_own(open(path, flags | O_CLOEXEC)); }

/* In the folder of the broker; the name is free. */
static const char *in_folder(const char *name) {
    static char path[FIXTURE_PATH + 32];

    (void)snprintf(path, sizeof(path), "%s/%s", fixture_broker()->folder, name);
    (void)unlink(path);
    return path;
}

/* ---- pipes and fifos ---------------------------------------------------------------------------------------------- */

static int pipe_end(int end, bool data, bool full, bool other_closed) {
    int p[2];

    make_pipe(p);
    if (data)
        put(p[1]);
    if (full)
        (void)fill(p[1]);
    if (other_closed)
        fixture_close(p[1 - end]);
    return p[end];
}

static int k01(void) { return pipe_end(0, false, false, false); }
static int k02(void) { return pipe_end(0, true, false, false); }
static int k03(void) { return pipe_end(0, false, false, true); }
static int k04(void) { return pipe_end(1, false, false, false); }
static int k05(void) { return pipe_end(1, false, true, false); }
static int k06(void) { return pipe_end(1, false, false, true); }
static int k07(void) { return pipe_end(1, false, true, true); }

static int fifo(int flags, bool writer) {
    const char *path = in_folder("fifo");

    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = opened(path, flags);
    if (writer)
        assert_int_equal(close(open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)), 0);
    assert_int_equal(unlink(path), 0);
    return fd;
}

static int k08(void) { return fifo(O_RDONLY | O_NONBLOCK, false); }
static int k09(void) { return fifo(O_RDONLY | O_NONBLOCK, true); }
static int k10(void) { return fifo(O_RDWR, false); }

/* ---- sockets ------------------------------------------------------------------------------------------------------ */

enum { DATA = 1, FULL = 2, SHUT = 4, CLOSED = 8, UNREAD = 16, RESET = 32 };

static int pair_end(int type, unsigned how) {
    int p[2];

    make_pair(type, p);
    if (how & DATA)
        put(p[1]);
    if (how & FULL)
        (void)fill(p[0]);
    if (how & UNREAD)
        put(p[0]);
    if (how & SHUT)
        assert_int_equal(shutdown(p[1], SHUT_WR), 0);
    if (how & CLOSED)
        fixture_close(p[1]);
    return p[0];
}

static int k11(void) { return pair_end(SOCK_STREAM, 0); }
static int k12(void) { return pair_end(SOCK_STREAM, DATA); }
static int k13(void) { return pair_end(SOCK_STREAM, FULL); }
static int k14(void) { return pair_end(SOCK_STREAM, CLOSED); }
static int k15(void) { return pair_end(SOCK_STREAM, FULL | SHUT); }
static int k16(void) { return pair_end(SOCK_STREAM, UNREAD | CLOSED); }
static int k17(void) { return pair_end(SOCK_DGRAM, 0); }
static int k19(void) { return pair_end(SOCK_DGRAM, CLOSED); }
static int k20(void) { return pair_end(SOCK_SEQPACKET, 0); }
static int k20_data(void) { return pair_end(SOCK_SEQPACKET, DATA); }

static int k18(void) {
    int p[2];

    make_pair(SOCK_DGRAM, p);
    assert_int_equal(send(p[1], "", 0, 0), 0);
    return p[0];
}

static int unix_listener(bool connection) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

    const char *path = in_folder("listener");
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 4), 0);
    if (connection) {
        int other = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    }
    assert_int_equal(unlink(address.sun_path), 0);
    return fd;
}

static int k21(void) { return unix_listener(false); }
static int k22(void) { return unix_listener(true); }
static int k23(void) { return fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
static int k24(void) { return fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

static int k25(void) {
    int port;

    return make_tcp_listener(&port);
}

static int k26(void) {
    int port, fd = make_tcp_listener(&port);

    (void)make_tcp_client(port);
    return settled(fd, POLLIN);
}

static int tcp_end(unsigned how) {
    int p[2];

    make_tcp(p);
    if (how & DATA)
        put(p[1]);
    if (how & FULL)
        (void)fill(p[0]);
    if (how & RESET)
        reset(p[1]);
    else if (how & CLOSED)
        fixture_close(p[1]);
    return how & (DATA | RESET | CLOSED) ? settled(p[0], POLLIN) : p[0];
}

static int k27(void) { return tcp_end(0); }
static int k28(void) { return tcp_end(DATA); }
static int k29(void) { return tcp_end(FULL); }
static int k30(void) { return tcp_end(CLOSED); }
static int k31(void) { return tcp_end(RESET); }

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
}

static int k32(void) {
    int port, fd;

    fixture_close(make_tcp_listener(&port));
    struct sockaddr_in address = loopback(port);
    fd = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), -1);
    return settled(fd, POLLERR);
}

static int udp(struct sockaddr_in *address) {
    socklen_t size = sizeof(*address);
    int fd = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

    *address = loopback(0);
    assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

static int k33(void) {
    struct sockaddr_in address;

    return udp(&address);
}

static int k34(void) {
    struct sockaddr_in address, other;
    int fd = udp(&address), from = udp(&other);

    assert_int_equal(sendto(from, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)), 1);
    return settled(fd, POLLIN);
}

static int k35(void) {
    struct sockaddr_in address, own;

    fixture_close(udp(&address));
    int fd = udp(&own);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    put(fd);
    return settled(fd, POLLERR);
}

/* ---- files, devices ----------------------------------------------------------------------------------------------- */

static int regular(int flags, off_t offset) {
    const char *path = in_folder("file");
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    assert_int_equal(write(fd, "contents", 8), 8);
    assert_int_equal(close(fd), 0);
    fd = opened(path, flags);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(lseek(fd, offset, SEEK_SET), offset);
    return fd;
}

static int k36(void) { return regular(O_RDWR, 3); }
static int k37(void) { return regular(O_RDONLY, 8); }
static int k38(void) { return fixture_own(memfd_create("memfd", MFD_CLOEXEC)); }
static int k39(void) { return opened("/", O_RDONLY | O_DIRECTORY); }
static int k40(void) { return opened("/dev/null", O_RDWR); }
static int k41(void) { return opened("/dev/zero", O_RDWR); }
static int k42(void) { return opened("/dev/full", O_RDWR); }
static int k43(void) { return opened("/dev/urandom", O_RDWR); }
static int k64(void) { return opened("/dev/random", O_RDONLY); }
static int k65(void) { return opened("/proc/self/mounts", O_RDONLY); }
static int k66(void) { return opened("/proc/self/status", O_RDONLY); }

/* ---- terminals ---------------------------------------------------------------------------------------------------- */

static void pty(int *master, int *slave) {
    struct termios raw;
    char name[64];

    *master = fixture_own(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    assert_int_equal(grantpt(*master), 0);
    assert_int_equal(unlockpt(*master), 0);
    assert_int_equal(ptsname_r(*master, name, sizeof(name)), 0);
    *slave = opened(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    assert_int_equal(tcgetattr(*slave, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(*slave, TCSANOW, &raw), 0);
}

static int pty_end(bool master, unsigned how) {
    int ends[2];

    pty(&ends[0], &ends[1]);
    int own = ends[master ? 0 : 1], other = ends[master ? 1 : 0];
    if (how & DATA)
        put(other);
    if (how & CLOSED)
        fixture_close(other);
    return how ? settled(own, how & DATA ? POLLIN : POLLHUP) : own;
}

static int k45(void) { return pty_end(true, 0); }
static int k46(void) { return pty_end(true, DATA); }
static int k47(void) { return pty_end(true, CLOSED); }
static int k48(void) { return pty_end(false, 0); }
static int k49(void) { return pty_end(false, DATA); }
static int k50(void) { return pty_end(false, CLOSED); }

/* ---- the kernel's own kinds --------------------------------------------------------------------------------------- */

static int counter(uint64_t count) {
    int fd = fixture_own(eventfd(0, EFD_CLOEXEC));

    if (count)
        assert_int_equal(write(fd, &count, sizeof(count)), sizeof(count));
    return fd;
}

static int k51(void) { return counter(0); }
static int k52(void) { return counter(1); }
static int k53(void) { return counter(UINT64_MAX - 1); }

static int k54(void) { return fixture_own(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)); }

static int k55(void) {
    const struct itimerspec soon = {.it_value.tv_nsec = 1};
    int fd = k54();

    assert_int_equal(timerfd_settime(fd, 0, &soon, NULL), 0);
    return settled(fd, POLLIN);
}

static int epoll_of(int watched) {
    struct epoll_event event = {.events = EPOLLIN};
    int fd = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    assert_int_equal(epoll_ctl(fd, EPOLL_CTL_ADD, watched, &event), 0);
    return fd;
}

static int k56(void) { return epoll_of(k01()); }
static int k57(void) { return epoll_of(k02()); }

static int inotify(bool event) {
    int fd = fixture_own(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));

    assert_true(inotify_add_watch(fd, fixture_broker()->folder, IN_CREATE) > 0);
    return event ? (void)regular(O_RDONLY, 0), settled(fd, POLLIN) : fd;
}

static int k58(void) { return inotify(false); }
static int k59(void) { return inotify(true); }

static int pause_for_ever(void *data) {
    (void)data;
    while (pause() < 0 && errno == EINTR) {
    }
    return 1;
}

static int end_at_once(void *data) {
    (void)data;
    return 0;
}

static int pidfd(pid_t pid) { return fixture_own((int)syscall(SYS_pidfd_open, pid, 0)); }

static int k62(void) { return pidfd(fixture_fork(pause_for_ever, NULL)); }

static int k63(void) {
    pid_t pid = fixture_fork(end_at_once, NULL);
    int fd = pidfd(pid);

    assert_int_equal(fixture_reap(pid), 0);
    return fd;
}

const struct kind kinds[] = {
    {"K01", "pipe", "pipe read end, empty", k01, "iiii"},
    {"K02", "pipe", "pipe read end, data", k02, "firi"},
    {"K03", "pipe", "pipe read end, writer closed", k03, "ffrr"},
    {"K04", "pipe", "pipe write end, room", k04, "ifir"},
    {"K05", "pipe", "pipe write end, full", k05, "iiii"},
    {"K06", "pipe", "pipe write end, reader closed", k06, "ffrr"},
    {"K07", "pipe", "pipe write end, full, reader closed", k07, "ffrr"},
    {"K08", "fifo", "fifo that never had a writer", k08, "iiii"},
    {"K09", "fifo", "fifo, a writer came and went", k09, "ffrr"},
    {"K10", "fifo", "fifo for both", k10, "ifir"},
    {"K11", "Unix stream socket", "stream pair, idle", k11, "ifir"},
    {"K12", "Unix stream socket", "stream pair, data", k12, "ffrr"},
    {"K13", "Unix stream socket", "stream pair, full", k13, "iiii"},
    {"K14", "Unix stream socket", "stream pair, peer closed", k14, "ffrr"},
    {"K15", "Unix stream socket", "stream pair, full, peer shut down", k15, "firi"},
    {"K16", "Unix stream socket", "stream pair, peer closed with unread data", k16, "ffrr"},
    {"K17", "Unix datagram socket", "datagram pair, idle", k17, "ifir"},
    {"K18", "Unix datagram socket", "datagram pair, an empty datagram", k18, "ffrr"},
    {"K19", "Unix datagram socket", "datagram pair, peer closed", k19, "ifir"},
    {"K20", "Unix seqpacket socket", "seqpacket pair, idle", k20, "ifir"},
    {"K20", "Unix seqpacket socket", "seqpacket pair, data", k20_data, NULL},
    {"K21", "Unix listener", "unix listener, idle", k21, "iiii"},
    {"K22", "Unix listener", "unix listener, a connection", k22, "firi"},
    {"K23", "Unix stream socket", "unix socket, unconnected", k23, "ffrr"},
    {"K24", "TCP socket", "TCP socket, unconnected", k24, "ffrr"},
    {"K25", "TCP listener", "TCP listener, idle", k25, "iiii"},
    {"K26", "TCP listener", "TCP listener, a connection", k26, "firi"},
    {"K27", "TCP socket", "TCP, idle", k27, "ifir"},
    {"K28", "TCP socket", "TCP, data", k28, "ffrr"},
    {"K29", "TCP socket", "TCP, full", k29, "iiii"},
    {"K30", "TCP socket", "TCP, peer closed", k30, "ffrr"},
    {"K31", "TCP socket", "TCP, reset", k31, "ffrr"},
    {"K32", "TCP socket", "TCP, refused", k32, "ffrr"},
    {"K33", "UDP socket", "UDP, idle", k33, "ifir"},
    {"K34", "UDP socket", "UDP, a datagram", k34, "ffrr"},
    {"K35", "UDP socket", "UDP, refused", k35, "ffrr"},
    {"K36", "regular file", "regular file", k36, "--rr"},
    {"K37", "regular file", "regular file at its end", k37, "--rr"},
    {"K38", "memfd", "memfd", k38, "--rr"},
    {"K39", "directory", "directory", k39, "--rr"},
    {"K40", "/dev/null", "/dev/null", k40, "--rr"},
    {"K41", "/dev/zero", "/dev/zero", k41, "--rr"},
    {"K42", "/dev/full", "/dev/full", k42, "--rr"},
    {"K43", "/dev/urandom", "/dev/urandom", k43, "--rr"},
    {"K45", "master of a pseudo-terminal", "pty master, idle", k45, "ifir"},
    {"K46", "master of a pseudo-terminal", "pty master, data", k46, "ffrr"},
    {"K47", "master of a pseudo-terminal", "pty master, slave closed", k47, "ffrr"},
    {"K48", "terminal", "pty slave, idle", k48, "ifir"},
    {"K49", "terminal", "pty slave, data", k49, "ffrr"},
    {"K50", "terminal", "pty slave, master closed", k50, "ffrr"},
    {"K51", "eventfd", "eventfd, 0", k51, "ifir"},
    {"K52", "eventfd", "eventfd, 1", k52, "ffrr"},
    {"K53", "eventfd", "eventfd, full", k53, "firi"},
    {"K54", "timerfd", "timerfd, disarmed", k54, "iiii"},
    {"K55", "timerfd", "timerfd, expired", k55, "firi"},
    {"K56", "epoll", "epoll, idle", k56, "iiii"},
    {"K57", "epoll", "epoll, ready", k57, "firi"},
    {"K58", "inotify", "inotify, idle", k58, "iiii"},
    {"K59", "inotify", "inotify, an event", k59, "firi"},
    {"K62", "pidfd", "pidfd, alive", k62, "iiii"},
    {"K63", "pidfd", "pidfd, reaped", k63, NULL},
    {"K64", "/dev/random", "/dev/random", k64, "firi"},
    {"K65", "/proc/self/mounts", "/proc/self/mounts", k65, "firi"},
    {"K66", "/proc/self/status", "/proc/self/status", k66, "--rr"},
};
const size_t n_kinds = sizeof(kinds) / sizeof(*kinds);
