/* engine_pairs.c: engine_pairs.h on Unix. */
#include "engine_pairs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

const os_fd pair_closed = 1000;
const unsigned pair_stream_gone = ENGINE_READ | ENGINE_HALF_CLOSE | ENGINE_HANG_UP;

void pair_of_pipe(struct pair *pair) {
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    *pair = (struct pair){ends[0], ends[1], excite_by_writing, false, false};
}

static void pair_of_fifo(struct pair *pair) {
    char path[] = "/tmp/test_engine.XXXXXX", fifo[64];

    assert_non_null(mkdtemp(path));
    (void)snprintf(fifo, sizeof(fifo), "%s/fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    pair->fd = open(fifo, O_RDONLY | O_NONBLOCK);
    *pair = (struct pair){pair->fd, open(fifo, O_WRONLY), excite_by_writing, false, false};
    assert_int_equal(unlink(fifo), 0);
    assert_int_equal(rmdir(path), 0);
}

static void pair_of_unix(struct pair *pair, int type) {
    int ends[2];

    if (socketpair(AF_UNIX, type, 0, ends))
        ends[0] = ends[1] = -1; /* macOS has no SOCK_SEQPACKET */
    *pair = (struct pair){ends[0], ends[1], excite_by_writing, true, false};
}

void pair_of_stream(struct pair *pair) { pair_of_unix(pair, SOCK_STREAM); }

static void pair_of_unix_dgram(struct pair *pair) { pair_of_unix(pair, SOCK_DGRAM); }

static void pair_of_unix_seqpacket(struct pair *pair) { pair_of_unix(pair, SOCK_SEQPACKET); }

static int bound(int type, struct sockaddr_in *address) {
    int fd = socket(AF_INET, type, 0);
    socklen_t length = sizeof(*address);

    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

static void pair_of_udp(struct pair *pair) {
    struct sockaddr_in address;
    int fd = bound(SOCK_DGRAM, &address), other = socket(AF_INET, SOCK_DGRAM, 0);

    assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    *pair = (struct pair){fd, other, excite_by_writing, true, false};
}

void pair_of_tcp(struct pair *pair) {
    struct sockaddr_in address;
    int listener = bound(SOCK_STREAM, &address), other = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(other, (struct sockaddr *)&address, sizeof(address)), 0);
    *pair = (struct pair){accept(listener, NULL, NULL), other, excite_by_writing, true, false};
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
    *pair = (struct pair){listener, socket(AF_INET, SOCK_STREAM, 0), excite_by_connecting, false, false};
}

static void pair_of_pty_master(struct pair *pair) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);

    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    *pair = (struct pair){master, open(ptsname(master), O_RDWR | O_NOCTTY), excite_by_writing, true, false};
}

static void excite_by_a_line(struct pair *pair) { assert_int_equal(write(pair->other, "line\n", 5), 5); }

static void pair_of_pty_slave(struct pair *pair) {
    pair_of_pty_master(pair);
    *pair = (struct pair){pair->other, pair->fd, excite_by_a_line, true, false};
}

const struct kind engine_kinds[] = {
    {"pipe", pair_of_pipe},
    {"fifo", pair_of_fifo},
    {"unix stream", pair_of_stream},
    {"unix datagram", pair_of_unix_dgram},
    {"unix seqpacket", pair_of_unix_seqpacket},
    {"udp", pair_of_udp},
    {"tcp", pair_of_tcp},
    {"listener", pair_of_listener},
    {"pty master", pair_of_pty_master},
    {"pty slave", pair_of_pty_slave},
    {NULL, NULL},
};

/* Not with MSG_DONTWAIT, which NetBSD ignores when sending. */
void pair_fill(os_fd fd) {
    static const char bytes[4096];
    int flags = fcntl(fd, F_GETFL);

    assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while (write(fd, bytes, sizeof(bytes)) > 0)
        ;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
}

void pair_take(os_fd fd) {
    char bytes[8];

    assert_int_equal(read(fd, bytes, sizeof(bytes)), sizeof(bytes));
}

void pair_shut(const struct pair *pair) {
    char byte;

    assert_int_equal(shutdown(pair->other, SHUT_WR), 0);
    assert_int_equal(recv(pair->fd, &byte, 1, MSG_PEEK), 0); /* it has arrived */
}

void pair_reset(struct pair *pair) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(pair->other, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
    close(pair->other);
    pair->other = OS_FD_NONE;
}

bool pair_was_reset(os_fd fd) {
    int error = 0;
    socklen_t size = sizeof(error);

    fd_await(fd);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
    return error == ECONNRESET;
}

void pair_files(os_fd files[PAIR_FILES]) {
    char path[] = "/tmp/test_engine.XXXXXX";

    files[0] = mkstemp(path);
    files[1] = open("/tmp", O_RDONLY | O_DIRECTORY);
    assert_int_equal(unlink(path), 0);
}

bool pair_engine_is_readable(const struct engine *one, bool wait) {
    return poll(&(struct pollfd){.fd = engine_pollable(one), .events = POLLIN}, 1, wait ? -1 : 0) == 1;
}

bool pair_is_inherited(os_fd fd) { return fcntl(fd, F_GETFD) != FD_CLOEXEC; }
