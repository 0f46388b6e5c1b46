/* test_socket.c: ancillary data that was not asked for, and what the peer has not read. */
#include "tests/support/test.h"

#include "proto/frame.h"
#include "proto/socket.h"
#include "proto/transport.h"
#include "tests/support/on_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { PASSPIDFD = 76, PASSRIGHTS = 83, INQ = 84 };

/* Credentials, label, pidfd and length of the queue: an option that this kernel lacks stays off. */
static const int extras[] = {SO_PASSCRED, SO_PASSSEC, PASSPIDFD, INQ};

enum { EXTRAS = sizeof(extras) / sizeof(*extras) };

static void ask_for_all(os_fd fd) {
    int on = 1;

    for (size_t i = 0; i < EXTRAS; i++)
        if (setsockopt(fd, SOL_SOCKET, extras[i], &on, sizeof(on)) < 0)
            assert_true(errno == ENOPROTOOPT || errno == EOPNOTSUPP);
}

static int is_on(os_fd fd, int option) {
    int value = 0;
    socklen_t size = sizeof(value);

    (void)getsockopt(fd, SOL_SOCKET, option, &value, &size); /* one that cannot be asked for is off */
    return value;
}

static void assert_asks_plainly(os_fd fd) {
    for (size_t i = 0; i < EXTRAS; i++)
        assert_int_equal(is_on(fd, extras[i]), 0);
}

/* A listener as a manager makes it, which asks for everything but descriptors. */
static os_fd greedy_listener(char address[static 64]) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(name);
    os_fd listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int off = 0;

    assert_return_code(bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t)), errno); /* any name */
    ask_for_all(listener);
    (void)setsockopt(listener, SOL_SOCKET, PASSRIGHTS, &off, sizeof(off));
    assert_return_code(listen(listener, 4), errno);
    assert_return_code(getsockname(listener, (struct sockaddr *)&name, &size), errno);
    (void)snprintf(address, 64, "unix:@%.*s", (int)(size - offsetof(struct sockaddr_un, sun_path) - 1),
                   name.sun_path + 1);
    assert_int_equal(transport_adopt(listener), 0);
    return listener;
}

static void receive(os_fd fd, os_fd fds[FRAME_FDS_ROOM], size_t n_wanted) {
    char byte;
    size_t n_fds;
    bool truncated;

    assert_int_equal(on_socket_recv(fd, &byte, 1, fds, &n_fds, &truncated), 1);
    assert_false(truncated);
    assert_int_equal(n_fds, n_wanted);
}

static void what_is_accepted_asks_for_descriptors_alone(void **state) {
    char address[64];
    os_fd listener, client, server, fds[FRAME_FDS_ROOM];

    (void)state;
    listener = greedy_listener(address);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_int_equal(on_socket_accept(listener, &server), 0);
    socket_ask_plainly(server);
    assert_asks_plainly(server);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(on_socket_send(client, "x", 1, &client, 1), 1);
        receive(server, fds, 1);
        os_close(fds[0]);
    }
    os_close(server);
    os_close(client);
    os_close(listener);
}

/* A program may have started with its standard input closed: what it then calls 0 is not the connection. */
static void a_connection_is_no_standard_stream(void **state) {
    char address[64];
    os_fd listener = greedy_listener(address), before = os_dup(STDIN_FILENO), client;

    (void)state;
    os_close(STDIN_FILENO);
    assert_int_equal(on_socket_connect(address, &client), 0);
    assert_true(client > STDERR_FILENO);
    assert_int_equal(fcntl(STDIN_FILENO, F_GETFD), -1);
    assert_true(before == OS_FD_NONE || dup2(before, STDIN_FILENO) == STDIN_FILENO);
    os_close(before);
    os_close(client);
    os_close(listener);
}

static void what_is_inherited_asks_for_descriptors_alone(void **state) {
    os_fd pair[2], adopted;
    char address[16];

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    ask_for_all(pair[0]);
    (void)snprintf(address, sizeof(address), "fd:%d", pair[0]);
    assert_int_equal(on_socket_connect(address, &adopted), 0);
    assert_asks_plainly(adopted);
    os_close(pair[0]);
    os_close(pair[1]);
}

/* Another process that shares the socket has switched it on since. What is left open shows at the end of the case. */
static void what_comes_all_the_same_is_closed(void **state) {
    os_fd pair[2], sent[FRAME_FDS_ROOM], got[FRAME_FDS_ROOM];

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    ask_for_all(pair[1]);
    for (size_t i = 0; i < FRAME_FDS_ROOM; i++)
        sent[i] = pair[0];
    for (size_t n = 0; n <= FRAME_FDS_ROOM; n += n == 0 ? 1 : FRAME_FDS_ROOM - 1) {
        assert_int_equal(on_socket_send(pair[0], "x", 1, sent, n), 1);
        receive(pair[1], got, n);
        for (size_t i = 0; i < n; i++)
            os_close(got[i]);
    }
    os_close(pair[0]);
    os_close(pair[1]);
}

/* With a sender that has ended there is an error number where the descriptor would be. */
/* Whether the item's number is closed. */
static bool is_closed_as(int type, size_t length) {
    union {
        struct cmsghdr header;
        unsigned char bytes[CMSG_SPACE(sizeof(int))];
    } item = {
        .header = {.cmsg_len = (socklen_t)CMSG_LEN(length), .cmsg_level = SOL_SOCKET, .cmsg_type = type}};
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_return_code(fd, errno);
    memcpy(CMSG_DATA(&item.header), &fd, sizeof(fd));
    socket_close_stray(&item.header);
    if (fcntl(fd, F_GETFD) < 0)
        return true;
    os_close(fd);
    return false;
}

static void only_a_whole_pidfd_is_closed(void **state) {
    enum { PIDFD = 0x04 };

    (void)state;
    assert_true(is_closed_as(PIDFD, sizeof(int)));
    assert_false(is_closed_as(PIDFD, sizeof(int) - 1));
    assert_false(is_closed_as(SCM_RIGHTS, sizeof(int)));
}

static void what_is_unread_is_never_told_too_low(void **state) {
    const int least = socket_message_least();
    os_fd pair[2];
    char byte;
    int n;

    (void)state;
    assert_true(least > 0);
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), errno);
    assert_int_equal(socket_unread(pair[0]), 0);
    for (n = 0; on_socket_send(pair[0], "x", 1, &pair[0], 1) == 1; n++)
        assert_true(socket_unread(pair[0]) >= (n + 1) * least);
    for (; n > 0; n--) {
        assert_true(socket_unread(pair[0]) >= n * least);
        assert_int_equal(read(pair[1], &byte, 1), 1);
    }
    assert_int_equal(socket_unread(pair[0]), 0);
    os_close(pair[0]);
    os_close(pair[1]);
}

TEST_MAIN(TEST_CASE(what_is_accepted_asks_for_descriptors_alone),
          TEST_CASE(a_connection_is_no_standard_stream),
          TEST_CASE(what_is_inherited_asks_for_descriptors_alone),
          TEST_CASE(what_comes_all_the_same_is_closed), TEST_CASE(only_a_whole_pidfd_is_closed),
          TEST_CASE(what_is_unread_is_never_told_too_low))
