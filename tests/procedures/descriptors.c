/* descriptors.c: makes descriptors and moves bytes. */
#include "descriptors.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

void make_pipe(int ends[2]) {
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
}

void make_pair(int type, int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
}

int make_tcp_listener(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

int make_tcp_client(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

    address.sin_port = htons((uint16_t)port);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

void make_tcp(int ends[2]) {
    int port, listener = make_tcp_listener(&port);

    ends[0] = make_tcp_client(port);
    assert_true(fixture_poll(listener, POLLIN) != 0);
    ends[1] = fixture_own(accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    fixture_close(listener);
}

int make_misleading(int *far) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int near = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        gone = socket(AF_INET, SOCK_DGRAM, 0), yes = 1;

    *far = fixture_own(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    assert_int_equal(setsockopt(near, IPPROTO_IP, IP_RECVERR, &yes, sizeof(yes)), 0);
    assert_int_equal(bind(gone, (struct sockaddr *)&name, size), 0);
    assert_int_equal(getsockname(gone, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(connect(near, (struct sockaddr *)&name, size), 0);
    assert_int_equal(close(gone), 0);
    assert_int_equal(write(near, "x", 1), 1);
    assert_true(fixture_poll(near, POLLERR) & POLLERR);
    assert_int_equal(bind(*far, (struct sockaddr *)&name, size), 0);
    size = sizeof(name);
    assert_int_equal(getsockname(near, (struct sockaddr *)&name, &size), 0);
    assert_int_equal(connect(*far, (struct sockaddr *)&name, size), 0);
    return near;
}

int make_dup(int fd) { return fixture_own(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

void make_at(int fd, int at) { assert_int_equal(dup3(fd, at, O_CLOEXEC), at); }

void put(int fd) { assert_int_equal(write(fd, "x", 1), 1); }

size_t fill(int fd) {
    static const char bytes[4096];
    size_t total = 0;
    ssize_t n;

    while ((n = write(fd, bytes, sizeof(bytes))) > 0)
        total += (size_t)n;
    while ((n = write(fd, bytes, 1)) > 0)
        total += (size_t)n;
    assert_int_equal(errno, EAGAIN);
    return total;
}

size_t drain(int fd) {
    char bytes[65536];
    size_t total = 0;
    ssize_t n;

    while ((n = read(fd, bytes, sizeof(bytes))) > 0)
        total += (size_t)n;
    assert_true(n == 0 || errno == EAGAIN);
    return total;
}

void take(int fd, size_t n) {
    char bytes[65536];

    assert_true(n <= sizeof(bytes));
    assert_int_equal(read(fd, bytes, n), n);
}

bool at_end(int fd) {
    char byte;

    return read(fd, &byte, 1) == 0;
}

void until_end(int fd) {
    assert_true(fixture_poll(fd, POLLIN | POLLRDHUP) & (POLLIN | POLLHUP | POLLRDHUP));
    assert_true(at_end(fd));
}

void reset(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    fixture_close(fd);
}
