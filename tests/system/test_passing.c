/* test_passing.c: descriptors in unread replies. The kernel counts them for the broker's user, up to a limit, so each uid has a
 * share of it; and where another program has used it up, a request fails, not a connection. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum {
    LIMIT = 2000, /* of the broker's open files, and so of what is on its way */
    UID_BROKER = 2500,
    UID_OFFENDER = 2001,
    CONNECTIONS = 40,
    REQUESTS = 100, /* of each, in its window */
    ROUNDS = 60,
    REPLY_LEAST = 14, /* bytes of an answer to them */
    CANNOT = 100
};

/* A broker of a user without privileges, which only root can start. */
struct small {
    pid_t pid;
    char folder[64], address[96];
    int ready;
};

static int run_small(void *data) {
    const struct small *small = data;
    struct rlimit limit = {LIMIT, LIMIT};
    char address[sizeof(small->address)],
        *arguments[] = {"portd",       "--listen", address,       "--mode", "0666",
                        "--notify-fd", "3",        "--log-level", "error",  NULL};

    (void)snprintf(address, sizeof(address), "%s", small->address);
    if (dup2(small->ready, 3) < 0 || fixture_close_above(3))
        return 126;
    int program = open(getenv("PORTD_DAEMON"), O_RDONLY | O_CLOEXEC);
    if (program < 0 || setrlimit(RLIMIT_NOFILE, &limit) || !guest_become(UID_BROKER))
        return 126;
    (void)execv(getenv("PORTD_DAEMON"), arguments);
    (void)fexecve(program, arguments, environ); /* in a folder that the user cannot search */
    return 127;
}

static void small_start(struct small *small) {
    int ready[2];
    char byte;

    *small = (struct small){.folder = "/tmp/portd-passing-XXXXXX"};
    if (geteuid() != 0 || !getenv("PORTD_DAEMON"))
        test_skip("needs PORTD_DAEMON and root, to be others");
    assert_non_null(mkdtemp(small->folder));
    assert_int_equal(chmod(small->folder, 0755) + chown(small->folder, UID_BROKER, UID_BROKER), 0);
    (void)snprintf(small->address, sizeof(small->address), "unix:%s/s", small->folder);
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    small->ready = ready[1];
    small->pid = fixture_fork(run_small, small);
    (void)close(ready[1]);
    assert_true(fixture_poll(ready[0], POLLIN) && read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
}

static void small_stop(struct small *small) {
    assert_int_equal(kill(small->pid, SIGTERM), 0);
    assert_int_equal(fixture_reap(small->pid), 0);
    assert_int_equal(rmdir(small->folder), 0);
}

/* ---- what may be asked for by children, too ------------------------------------------------------------------------ */

static int send_handle(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;

    handle.id = id;
    request.id = ++raw->id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    return raw_send_request(raw, &request, NULL, 0);
}

static int ask_handle_with(struct raw *raw, uint64_t id, const int *attached, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;

    handle.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    int code = raw_code(raw_ask_fds(raw, &request, attached, n));
    raw_close_fds(raw);
    return code;
}

static int ask_handle(struct raw *raw, uint64_t id) { return ask_handle_with(raw, id, NULL, 0); }

/* The offender, and the client that requests a handle after it. */
struct client {
    struct raw raw;
    uint64_t id;
};

static int client_open(struct client *client, const char *address, int fd) {
    *client = (struct client){.raw = {.fd = -1}};
    int code = raw_open(&client->raw, address), own = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK);
    if (!code)
        code = raw_semaphore(&client->raw, fd, 5, PORTD__V1__MODE__MODE_READ, &client->id);
    if (!code)
        code = ask_handle_with(&client->raw, client->id, &own, 1); /* later requests need nothing attached */
    return close(own) < 0 ? -1 : code;
}

/* In the session of another: its object is this one's, too. */
static int client_join(struct client *client, const char *address, const struct client *first) {
    Portd__V1__Hello hello = raw_hello_make();
    char token[sizeof(first->raw.token)];

    *client = (struct client){.raw = {.fd = -1}, .id = first->id};
    memcpy(token, first->raw.token, sizeof(token));
    hello.token = token;
    return raw_connect(&client->raw, address) ? -1 : raw_hello_with(&client->raw, &hello, NULL, 0);
}

static bool client_gets_one(void *data) {
    struct client *client = data;
    return ask_handle(&client->raw, client->id) == 0;
}

static bool has_answers(void *data) {
    const struct client *client = data;
    int n = 0;
    return ioctl(client->raw.fd, FIONREAD, &n) == 0 && n >= REQUESTS * REPLY_LEAST;
}

/* ---- cases ----------------------------------------------------------------------------------------------------------- */

/* Of the test: the other end of what the offender says and is told. */
struct offence {
    const struct small *small;
    int ends[2]; /* a pair of sockets */
};

static int tell(const struct offence *offence) {
    return send(offence->ends[1], "x", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int await(int fd) {
    char byte;
    return read(fd, &byte, 1) == 1 ? 0 : -1;
}

/* Reads all answers of one: how many had a descriptor. -1: another answer than a handle or a limit came, or none. */
static int read_answers(struct client *client) {
    int n = 0;

    for (int i = 0; i < REQUESTS; i++) {
        raw_reply *reply = raw_next(&client->raw, NULL);
        int code = raw_code(reply);
        n += code == 0 && client->raw.n_fds == 1;
        raw_close_fds(&client->raw);
        if (code != 0 && code != PORTD__V1__CODE__CODE_LIMIT)
            return -1;
    }
    return n;
}

static int leave_unread(void *data) {
    const struct offence *offence = data;
    static struct client clients[CONNECTIONS];
    int ends[2], passed = 0;

    if (!guest_become(UID_OFFENDER) || pipe2(ends, O_CLOEXEC) < 0)
        return CANNOT;
    if (client_open(&clients[0], offence->small->address, ends[0]))
        return 1;
    for (int i = 0; i < CONNECTIONS; i++) {
        if (i > 0 && client_join(&clients[i], offence->small->address, &clients[0]))
            return 1;
        for (int k = 0; k < REQUESTS; k++)
            if (send_handle(&clients[i].raw, clients[i].id))
                return 2;
        if (!fixture_until(has_answers, &clients[i]))
            return 3;
    }
    if (tell(offence) || await(offence->ends[1]))
        return 4;
    for (int i = 0; i < CONNECTIONS; i++) {
        int n = read_answers(&clients[i]);
        if (n < 0 || raw_ping(&clients[i].raw))
            return 5;
        passed += n;
    }
    if (passed < REQUESTS || passed > LIMIT / 2)
        return 6;
    for (int i = 0; i < CONNECTIONS; i++) /* what has been read is charged to nobody */
        if (!fixture_until(client_gets_one, &clients[i]))
            return 7;
    return 0;
}

static int leave_unread_and_go(void *data) {
    const struct offence *offence = data;
    static struct client clients[ROUNDS];
    struct client first;
    int ends[2];

    if (!guest_become(UID_OFFENDER) || pipe2(ends, O_CLOEXEC) < 0)
        return CANNOT;
    if (client_open(&first, offence->small->address, ends[0]))
        return 1;
    for (int i = 0; i < ROUNDS; i++) {
        if (client_join(&clients[i], offence->small->address, &first))
            return 1;
        for (int k = 0; k < REQUESTS; k++)
            if (send_handle(&clients[i].raw, clients[i].id))
                return 2;
        if (!fixture_until(has_answers, &clients[i]) || shutdown(clients[i].raw.fd, SHUT_WR) < 0)
            return 3;
    }
    if (tell(offence) || await(offence->ends[1]))
        return 4;
    for (int i = 0; i < ROUNDS; i++) /* what was answered can still be read, and then the end */
        if (i % 2 ? read_answers(&clients[i]) < 0 || raw_until_end(&clients[i].raw)
                  : close(clients[i].raw.fd))
            return 5;
    return fixture_until(client_gets_one, &first) ? 0 : 6;
}

static void offend(int (*body)(void *)) {
    struct small small;
    struct offence offence = {.small = &small};
    struct client victim;
    int ends[2];

    small_start(&small);
    guest_pipe(ends);
    assert_int_equal(client_open(&victim, small.address, ends[0]), 0);
    fixture_own(victim.raw.fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, offence.ends), 0);
    pid_t offender = fixture_fork(body, &offence);
    (void)close(offence.ends[1]);
    int begun = await(offence.ends[0]);
    int code = begun ? 0 : ask_handle(&victim.raw, victim.id);
    bool told = send(offence.ends[0], "x", 1, MSG_NOSIGNAL) == 1;
    (void)close(offence.ends[0]);
    assert_int_equal(fixture_reap(offender), 0);
    assert_int_equal(begun, 0);
    assert_true(told);
    assert_int_equal(code, 0);
    guest_is_served(&victim.raw);
    guest_close(&victim.raw);
    small_stop(&small);
}

static void a_client_that_does_not_read_gets_no_more(void **state) {
    (void)state;
    offend(leave_unread);
}

static void a_client_that_goes_without_reading_stays_charged(void **state) {
    (void)state;
    offend(leave_unread_and_go);
}

/* Not through the broker: another process of its user has so many on their way that the kernel takes no more of the broker's. */
static int use_up(void *data) {
    const struct offence *offence = data;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(100 * sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(100 * sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec part = {"x", 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
    struct rlimit limit = {2 * LIMIT, 2 * LIMIT};
    int pair[2], fds[100];

    if (setrlimit(RLIMIT_NOFILE, &limit) || !guest_become(UID_BROKER) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return CANNOT;
    for (int i = 0; i < 100; i++)
        fds[i] = offence->ends[1];
    memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
    for (int n = 0; n <= LIMIT; n += 100)
        if (sendmsg(pair[0], &message, 0) != 1)
            return 1;
    return tell(offence) || await(offence->ends[1]) ? 2 : 0;
}

static void a_kernel_that_takes_no_more_fails_a_request(void **state) {
    struct small small;
    struct offence offence = {.small = &small};
    struct client victim;
    int ends[2];

    (void)state;
    small_start(&small);
    guest_pipe(ends);
    assert_int_equal(client_open(&victim, small.address, ends[0]), 0);
    fixture_own(victim.raw.fd);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, offence.ends), 0);
    pid_t offender = fixture_fork(use_up, &offence);
    (void)close(offence.ends[1]);
    int begun = await(offence.ends[0]);
    int code = begun ? 0 : ask_handle(&victim.raw, victim.id);
    bool told = send(offence.ends[0], "x", 1, MSG_NOSIGNAL) == 1;
    (void)close(offence.ends[0]);
    assert_int_equal(fixture_reap(offender), 0);
    assert_true(told);
    assert_int_equal(code, PORTD__V1__CODE__CODE_LIMIT);
    guest_is_served(&victim.raw);
    assert_true(fixture_until(client_gets_one, &victim));
    guest_close(&victim.raw);
    small_stop(&small);
}

/* Since Linux 6.16 a socket can take none at all. */
static void a_client_that_takes_none_fails_its_request(void **state) {
    enum { PASS_RIGHTS = 83 }; /* SO_PASSRIGHTS */
    struct client client;
    int ends[2], takes = 0;

    (void)state;
    guest_pipe(ends);
    assert_int_equal(client_open(&client, fixture_address(), ends[0]), 0);
    fixture_own(client.raw.fd);
    if (setsockopt(client.raw.fd, SOL_SOCKET, PASS_RIGHTS, &takes, sizeof(takes)) < 0)
        test_skip("the kernel has no SO_PASSRIGHTS");
    assert_int_equal(ask_handle(&client.raw, client.id), PORTD__V1__CODE__CODE_LIMIT);
    guest_is_served(&client.raw);
    takes = 1;
    assert_int_equal(setsockopt(client.raw.fd, SOL_SOCKET, PASS_RIGHTS, &takes, sizeof(takes)), 0);
    assert_int_equal(ask_handle(&client.raw, client.id), 0);
    guest_close(&client.raw);
}

TEST_MAIN(FIXTURE_CASE_BARE(a_client_that_does_not_read_gets_no_more),
          FIXTURE_CASE_BARE(a_client_that_goes_without_reading_stays_charged),
          FIXTURE_CASE_BARE(a_kernel_that_takes_no_more_fails_a_request),
          FIXTURE_CASE(a_client_that_takes_none_fails_its_request))
