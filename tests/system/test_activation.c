/* test_activation.c: a broker that inherits its listening socket by LISTEN_FDS, from systemd or portctl exec. */
#define _GNU_SOURCE

#include "tests/support/fixture.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct activated {
    char folder[64], address[128];
    int socket;
};

/* The child becomes the broker. */
static int become(void *data) {
    const struct activated *activated = data;
    const char *program = getenv("PORTD_DAEMON");
    char pid[16];

    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    if (!program || setenv("LISTEN_FDS", "1", 1) < 0 || setenv("LISTEN_PID", pid, 1) < 0)
        return 100;
    if (activated->socket == 3 ? fcntl(3, F_SETFD, 0) < 0 : dup2(activated->socket, 3) != 3)
        return 101;
    (void)execl(program, "portd", "--log-level", "error", (char *)NULL);
    return 102;
}

static void make(struct activated *activated) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    *activated = (struct activated){.folder = "/tmp/activation.XXXXXX"};
    assert_non_null(mkdtemp(activated->folder));
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/s", activated->folder);
    (void)snprintf(activated->address, sizeof(activated->address), "unix:%s", name.sun_path);
    activated->socket = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(activated->socket, (struct sockaddr *)&name, sizeof(name)), 0);
}

static void clean(const struct activated *activated) {
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/s", activated->folder);
    assert_int_equal(unlink(path), 0); /* it is the manager's, so the broker leaves it */
    assert_int_equal(rmdir(activated->folder), 0);
}

static void need_daemon(void) {
    if (!getenv("PORTD_DAEMON"))
        test_skip("PORTD_DAEMON does not name the broker");
}

/* Though the socket blocks, and others may take a connection away. */
static void a_blocking_listener(void **state) {
    struct activated activated;
    portd_client *clients[3];

    (void)state;
    need_daemon();
    make(&activated);
    assert_int_equal(listen(activated.socket, 16), 0);
    pid_t broker = fixture_fork(become, &activated);
    for (int i = 0; i < 3; i++)
        clients[i] = fixture_client_at(activated.address, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(portd_ping(clients[i], fixture_soon()), 1);
    for (int i = 0; i < 3; i++)
        fixture_disconnect(clients[i]);
    assert_int_equal(kill(broker, SIGTERM), 0);
    assert_int_equal(fixture_reap(broker), 0);
    clean(&activated);
}

/* A manager may have switched on what brings a descriptor of its own with each read; so may the process that made a connection. */
static void a_listener_that_asks_for_pidfds(void **state) {
    enum { PASSPIDFD = 76, PINGS = 64 };
    struct activated activated;
    char address[16];
    int on = 1;

    (void)state;
    need_daemon();
    make(&activated);
    (void)setsockopt(activated.socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    if (setsockopt(activated.socket, SOL_SOCKET, PASSPIDFD, &on, sizeof(on)) < 0)
        print_message("only credentials are asked for: this kernel passes no pidfds\n");
    assert_int_equal(listen(activated.socket, 16), 0);
    pid_t broker = fixture_fork(become, &activated);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/s", activated.folder);
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(connection, (struct sockaddr *)&name, sizeof(name)), 0);
    (void)setsockopt(connection, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
    (void)setsockopt(connection, SOL_SOCKET, PASSPIDFD, &on, sizeof(on));
    (void)snprintf(address, sizeof(address), "fd:%d", connection);
    portd_client *client = fixture_client_at(address, NULL);
    assert_int_equal(portd_ping(client, fixture_soon()), 1);
    fixture_until_closed(client);
    size_t of_broker = fixture_fds(broker), own = test_fds_count();
    for (int i = 0; i < PINGS; i++)
        assert_int_equal(portd_ping(client, fixture_soon()), 1);
    assert_int_equal(fixture_fds(broker), of_broker);
    assert_int_equal(test_fds_count(), own);
    fixture_disconnect(client);
    assert_int_equal(kill(broker, SIGTERM), 0);
    assert_int_equal(fixture_reap(broker), 0);
    clean(&activated);
}

/* By another process that has it as well. A connected client stays, and the broker sleeps between its requests, which it does not
 * while the listener is told of. */
static void a_listener_that_is_shut_down(void **state) {
    struct activated activated;

    (void)state;
    need_daemon();
    make(&activated);
    assert_int_equal(listen(activated.socket, 16), 0);
    pid_t broker = fixture_fork(become, &activated);
    portd_client *client = fixture_client_at(activated.address, NULL);
    assert_int_equal(portd_ping(client, fixture_soon()), 1);
    assert_int_equal(shutdown(activated.socket, SHUT_RD), 0);
    assert_int_equal(portd_ping(client, fixture_soon()), 1);
    long before = fixture_sleeps(broker);
    for (int64_t limit = fixture_soon(); fixture_sleeps(broker) < before + 3;) {
        assert_true(portd_now() < limit);
        assert_int_equal(portd_ping(client, fixture_soon()), 1);
    }
    fixture_disconnect(client);
    assert_int_equal(kill(broker, SIGTERM), 0);
    assert_int_equal(fixture_reap(broker), 0);
    clean(&activated);
}

static void what_is_no_listener(void **state) {
    struct activated activated;
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)state;
    need_daemon();
    make(&activated); /* bound, but does not listen */
    assert_int_equal(fixture_reap(fixture_fork(become, &activated)), EXIT_FAILURE);
    fixture_close(activated.socket);
    activated.socket = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_int_equal(bind(activated.socket, (struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(activated.socket, 1), 0);
    assert_int_equal(fixture_reap(fixture_fork(become, &activated)), EXIT_FAILURE);
    fixture_close(activated.socket);
    activated.socket = fixture_own(open("/dev/null", O_RDWR | O_CLOEXEC));
    assert_int_equal(fixture_reap(fixture_fork(become, &activated)), EXIT_FAILURE);
    clean(&activated);
}

TEST_MAIN(FIXTURE_CASE_BARE(a_blocking_listener), FIXTURE_CASE_BARE(a_listener_that_asks_for_pidfds),
          FIXTURE_CASE_BARE(a_listener_that_is_shut_down), FIXTURE_CASE_BARE(what_is_no_listener))
