/* test_looked.c: what is told of held descriptors: what they are, who has got copies, and what other processes have done to them; and repair. */
#define _GNU_SOURCE

#include "guest.h"
#include "tests/support/fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MANY = 40, KNOWN_AT_PUT = PORTD_LOOK_FLAGS_AT_PUT | PORTD_LOOK_OFFSET_AT_PUT };

/* ---- what is held ------------------------------------------------------------------------------------------------- */

static portd_id put(portd_client *c, const char *name, int fd) {
    portd_native native = fd;
    portd_id id = 0;
    assert_int_equal(portd_put(c, NULL, &name, &native, 1, NULL, NULL, fixture_soon(), &id), 1);
    return id;
}

/* The list belongs to the caller. */
static const portd_held *show(portd_client *c, const char *name, portd_list **list) {
    assert_int_equal(portd_show_holds(c, NULL, &name, 1, fixture_soon(), list), 1);
    assert_int_equal(portd_list_count(*list), 1);
    const portd_held *held = portd_list_held(*list, 0);
    assert_string_equal(held->name, name);
    assert_non_null(held->look);
    return held;
}

static unsigned poisons(portd_client *c, const char *name) {
    portd_list *list;
    unsigned bits = show(c, name, &list)->look->poisons;
    portd_list_free(list);
    return bits;
}

static int repair(portd_client *c, const char *name, unsigned flags, unsigned *done, unsigned *left) {
    return portd_repair(c, NULL, name, flags, fixture_soon(), done, left);
}

/* What is held must not outlive the case. */
static void drop_all(portd_client *c) {
    portd_list *list;
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++)
        assert_int_equal(portd_drop(c, NULL, &portd_list_held(list, i)->name, 1, NULL, fixture_soon()), 1);
    portd_list_free(list);
}

/* A listener at a port of the system's choice, or with `fixed` at one that it was bound to. */
static int listener(bool fixed, struct sockaddr_in *at) {
    socklen_t size = sizeof *at;
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < 2; i++) {
        int fd = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        assert_return_code(bind(fd, (struct sockaddr *)at, sizeof *at), errno);
        assert_return_code(listen(fd, 5), errno);
        assert_return_code(getsockname(fd, (struct sockaddr *)at, &size), errno);
        if (i == (fixed ? 1 : 0))
            return fd;
        fixture_close(fd);
    }
    return -1;
}

static bool connects(const struct sockaddr_in *at) {
    int fd = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int result = connect(fd, (const struct sockaddr *)at, sizeof *at);
    fixture_close(fd);
    return result == 0;
}

/* A file of that many bytes with the position `at`. */
static int file(off_t size, off_t at) {
    int fd = fixture_own(memfd_create("looked", MFD_CLOEXEC));
    assert_return_code(ftruncate(fd, size), errno);
    assert_true(lseek(fd, at, SEEK_SET) == at);
    return fd;
}

/* ---- what another process does ------------------------------------------------------------------------------------ */

struct deed {
    const char *address, *name;
    void (*act)(int fd);
};

/* Gets a copy as any other program would, and does it. */
static int do_deed(void *data) {
    const struct deed *deed = data;
    portd_client *c;
    portd_native fd;
    if (portd_connect(deed->address, NULL, fixture_soon(), &c) < 0 ||
        portd_get(c, NULL, &deed->name, 1, NULL, fixture_soon(), &fd, NULL) != 1)
        return 1;
    deed->act((int)fd);
    portd_disconnect(c);
    return 0;
}

static pid_t elsewhere(const char *address, const char *name, void (*act)(int fd)) {
    struct deed deed = {address, name, act};
    pid_t pid = fixture_fork(do_deed, &deed);
    assert_int_equal(fixture_reap(pid), 0);
    return pid;
}

static void shut(int fd) { (void)shutdown(fd, SHUT_RDWR); }
static void shut_write(int fd) { (void)shutdown(fd, SHUT_WR); }
static void shut_read(int fd) { (void)shutdown(fd, SHUT_RD); }
static void flip(int fd) { (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) ^ O_NONBLOCK); }
static void append(int fd) { (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_APPEND); }
static void move_on(int fd) { (void)lseek(fd, 10, SEEK_CUR); }
static void nothing(int fd) { (void)fd; }

#define BIT(poison) PORTD_POISON_BIT(PORTD_POISON_##poison)

/* ---- cases -------------------------------------------------------------------------------------------------------- */

static void what_it_is_is_told(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_list *list;
    struct sockaddr_in at;
    int fd = listener(false, &at), pair[2];
    (void)state;
    portd_id id = put(c, "web", fd);
    assert_true(connects(&at));
    const portd_held *held = show(c, "web", &list);
    const portd_look *look = held->look;
    assert_true(held->descriptor == id);
    assert_int_equal(held->put_pid, getpid());
    assert_int_equal(held->gets, 0);
    assert_int_equal(look->poisons, 0);
    assert_string_equal(look->local->family, "inet");
    assert_string_equal(look->local->host, "127.0.0.1");
    assert_int_equal(look->local->port, ntohs(at.sin_port));
    assert_null(look->peer);
    assert_true(look->known & PORTD_LOOK_ACCEPTING && look->accepting);
    assert_true(look->known & PORTD_LOOK_ACCEPTING_AT_PUT && look->accepting_at_put);
    assert_true(look->known & PORTD_LOOK_QUEUE);
    assert_int_equal(look->accept_queue, 1);
    assert_int_equal(look->accept_limit, 5);
    assert_false(look->known & PORTD_LOOK_OFFSET);
    portd_list_free(list);

    put(c, "file", file(100, 30));
    look = show(c, "file", &list)->look;
    assert_int_equal(look->known & KNOWN_AT_PUT, KNOWN_AT_PUT);
    assert_int_equal(look->offset_at_put, 30);
    assert_int_equal(look->offset, 30);
    assert_int_equal(look->flags, PORTD_FLAG_READ | PORTD_FLAG_WRITE);
    assert_int_equal(look->flags_at_put, look->flags);
    assert_string_equal(look->path, "/memfd:looked (deleted)");
    assert_null(look->local);
    assert_int_equal(look->poisons, 0);
    portd_list_free(list);

    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    (void)fixture_own(pair[0]);
    (void)fixture_own(pair[1]);
    assert_int_equal(write(pair[1], "abc", 3), 3);
    put(c, "pair", pair[0]);
    look = show(c, "pair", &list)->look;
    assert_true(look->known & PORTD_LOOK_INPUT);
    assert_int_equal(look->input, 3);
    assert_int_equal(look->reading, PORTD_SIDE_OPEN);
    assert_string_equal(look->peer->family, "unix");
    portd_list_free(list);
    assert_return_code(shutdown(pair[1], SHUT_WR), errno);
    look = show(c, "pair", &list)->look;
    assert_int_equal(look->reading, PORTD_SIDE_EITHER);
    assert_int_equal(look->poisons, 0);
    portd_list_free(list);
    drop_all(c);
}

static void big_files_tell_no_offset_at_put(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_list *list;
    (void)state;
    put(c, "most", file(UINT32_MAX, UINT32_MAX - 5));
    put(c, "big", file((off_t)UINT32_MAX + 1, 7));
    put(c, "beyond", file(10, 20));
    const portd_look *look = show(c, "most", &list)->look;
    assert_true(look->offset_at_put == UINT32_MAX - 5 && look->offset == UINT32_MAX - 5 && !look->poisons);
    portd_list_free(list);
    look = show(c, "big", &list)->look;
    assert_false(look->known & PORTD_LOOK_OFFSET_AT_PUT);
    assert_int_equal(look->offset, 7);
    portd_list_free(list);
    look = show(c, "beyond", &list)->look;
    assert_true(look->known & PORTD_LOOK_OFFSET_AT_PUT && look->offset_at_put == 20 && !look->poisons);
    portd_list_free(list);
    elsewhere(fixture_address(), "big", move_on);
    assert_int_equal(poisons(c, "big"), 0);
    drop_all(c);
}

static void who_has_got_copies_is_told(void **state) {
    portd_client *c = fixture_client(NULL), *watching = fixture_client(NULL);
    portd_list *list;
    portd_id evt;
    int ends[2];
    char uid[24];
    (void)state;
    (void)snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
    assert_return_code(pipe2(ends, O_CLOEXEC), errno);
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
    put(c, "pipe", ends[0]);
    pid_t first = elsewhere(fixture_address(), "pipe", nothing), second = 0;
    for (int i = 0; i < 9; i++)
        second = elsewhere(fixture_address(), "pipe", nothing);
    assert_int_equal(portd_hold_to_evt(watching, NULL, "pipe", PORTD_MODE_READ, fixture_soon(), &evt), 1);
    const portd_held *held = show(c, "pipe", &list);
    assert_int_equal(held->gets, 10);
    assert_int_equal(held->look->n_receivers, 8);
    assert_int_equal(held->look->receivers[0].pid, second);
    assert_int_equal(held->look->receivers[0].times, 1);
    assert_string_equal(held->look->receivers[0].uid, uid);
    for (size_t i = 0; i < 8; i++)
        assert_true(held->look->receivers[i].pid != (uint32_t)first);
    assert_int_equal(held->copies, 1);
    assert_int_equal(held->look->n_watchers, 1);
    assert_true(held->look->watchers[0].session == portd_session_id(watching));
    assert_string_equal(held->look->watchers[0].uid, uid);
    assert_int_equal(held->look->reading, PORTD_SIDE_OPEN);
    portd_list_free(list);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_held(list, 0)->gets, 10);
    assert_null(portd_list_held(list, 0)->look);
    portd_list_free(list);
    fixture_close(ends[1]);
    held = show(c, "pipe", &list);
    assert_int_equal(held->look->reading, PORTD_SIDE_PEER);
    assert_int_equal(held->look->poisons, 0);
    portd_list_free(list);
    drop_all(c);
}

static void a_listener_that_was_shut_down_listens_again(void **state) {
    portd_client *c = fixture_client(NULL);
    unsigned done, left;
    (void)state;
    for (int fixed = 0; fixed < 2; fixed++) {
        const char *name = fixed ? "fixed" : "any";
        struct sockaddr_in at;
        put(c, name, listener(fixed, &at));
        assert_int_equal(repair(c, name, 0, &done, &left), 0);
        elsewhere(fixture_address(), name, shut);
        assert_int_equal(poisons(c, name), BIT(NOT_LISTENING));
        assert_false(connects(&at));
        assert_int_equal(repair(c, name, 0, &done, &left), 1);
        assert_int_equal(done, BIT(NOT_LISTENING));
        assert_int_equal(left, 0);
        assert_int_equal(poisons(c, name), 0);
        assert_true(connects(&at)); /* at the same port */
        assert_int_equal(repair(c, name, 0, &done, &left), 0);
    }
    drop_all(c);
}

static void an_address_that_is_taken_is_told(void **state) {
    portd_client *c = fixture_client(NULL);
    struct sockaddr_in at;
    unsigned done, left;
    (void)state;
    int fd = listener(false, &at);
    put(c, "web", fd);
    elsewhere(fixture_address(), "web", shut);
    int other = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_return_code(bind(other, (struct sockaddr *)&at, sizeof at), errno);
    assert_return_code(listen(other, 1), errno);
    assert_int_equal(repair(c, "web", 0, &done, &left), PORTD_E_SYSTEM);
    assert_int_equal(portd_last_errno(c), EADDRINUSE);
    assert_int_equal(poisons(c, "web"), BIT(NOT_LISTENING));
    assert_int_equal(repair(c, "web", 0, &done, &left), PORTD_E_SYSTEM);
    fixture_close(other);
    assert_int_equal(repair(c, "web", 0, &done, &left), 1);
    struct sockaddr_in now;
    socklen_t size = sizeof now;
    assert_return_code(getsockname(fd, (struct sockaddr *)&now, &size), errno);
    assert_int_equal(now.sin_port, at.sin_port);
    assert_int_equal(ntohl(now.sin_addr.s_addr), INADDR_LOOPBACK); /* and not on all interfaces */
    assert_true(connects(&at));
    drop_all(c);
}

static void a_unix_listener_does_not_listen_again(void **state) {
    portd_client *c = fixture_client(NULL);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    unsigned done, left;
    int fd = fixture_own(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    (void)state;
    (void)snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "portd-looked-%d", (int)getpid());
    assert_return_code(bind(fd, (struct sockaddr *)&at, sizeof at), errno);
    assert_return_code(listen(fd, 1), errno);
    put(c, "unix", fd);
    assert_int_equal(poisons(c, "unix"), 0);
    elsewhere(fixture_address(), "unix", shut);
    assert_int_equal(poisons(c, "unix"), BIT(NOT_LISTENING));
    assert_int_equal(repair(c, "unix", PORTD_REPAIR_FLAGS, &done, &left), PORTD_E_UNSUPPORTED);
    assert_non_null(strstr(portd_last_hint(c), "expects"));
    assert_int_equal(poisons(c, "unix"), BIT(NOT_LISTENING));
    drop_all(c);
}

/* The ends of a TCP connection. */
static void connection(int ends[2]) {
    struct sockaddr_in at;
    int fd = listener(false, &at);
    ends[0] = fixture_own(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    assert_return_code(connect(ends[0], (struct sockaddr *)&at, sizeof at), errno);
    ends[1] = fixture_own(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
    fixture_close(fd);
}

struct side {
    portd_client *c;
    const char *name;
    int reading, writing;
};

static bool has_sides(void *data) {
    const struct side *side = data;
    portd_list *list;
    const portd_look *look = show(side->c, side->name, &list)->look;
    bool has = look->reading == side->reading && look->writing == side->writing;
    portd_list_free(list);
    return has;
}

static void who_ends_a_direction_is_told_apart(void **state) {
    portd_client *c = fixture_client(NULL);
    unsigned done, left;
    int ends[2], others[2];
    (void)state;
    connection(ends);
    connection(others);
    put(c, "a", ends[0]);
    put(c, "b", ends[1]);
    put(c, "read", others[0]);
    struct side open = {c, "a", PORTD_SIDE_OPEN, PORTD_SIDE_OPEN};
    assert_true(has_sides(&open));
    elsewhere(fixture_address(), "a", shut_write);
    struct side one = {c, "a", PORTD_SIDE_OPEN, PORTD_SIDE_SHUT},
                other = {c, "b", PORTD_SIDE_PEER, PORTD_SIDE_OPEN};
    assert_true(fixture_until(has_sides, &one));
    assert_true(fixture_until(has_sides, &other));
    assert_int_equal(poisons(c, "a"), BIT(SHUT_WRITE));
    assert_int_equal(poisons(c, "b"), 0);
    assert_int_equal(repair(c, "a", 0, &done, &left), PORTD_E_UNSUPPORTED);
    elsewhere(fixture_address(), "read", shut_read);
    assert_int_equal(poisons(c, "read"), BIT(SHUT_READ));
    drop_all(c);
}

static void flags_are_set_back_only_when_asked_for(void **state) {
    portd_client *c = fixture_client(NULL);
    struct sockaddr_in at;
    unsigned done, left;
    int fd = listener(false, &at);
    (void)state;
    put(c, "web", fd);
    elsewhere(fixture_address(), "web", flip);
    assert_int_equal(poisons(c, "web"), BIT(FLAGS));
    assert_int_equal(repair(c, "web", 0, &done, &left), PORTD_E_UNSUPPORTED);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    elsewhere(fixture_address(), "web", shut);
    assert_int_equal(repair(c, "web", 0, &done, &left), 1);
    assert_int_equal(done, BIT(NOT_LISTENING));
    assert_int_equal(left, BIT(FLAGS));
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(repair(c, "web", PORTD_REPAIR_FLAGS, &done, &left), 1);
    assert_int_equal(done, BIT(FLAGS));
    assert_int_equal(left, 0);
    assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
    put(c, "log", file(0, 0));
    elsewhere(fixture_address(), "log", append);
    assert_int_equal(poisons(c, "log"), BIT(FLAGS));
    assert_int_equal(repair(c, "log", PORTD_REPAIR_FLAGS, &done, &left), 1);
    assert_int_equal(poisons(c, "log"), 0);
    drop_all(c);
}

static void a_position_is_never_set_back(void **state) {
    portd_client *c = fixture_client(NULL);
    unsigned done, left;
    int fd = file(100, 30);
    (void)state;
    put(c, "file", fd);
    elsewhere(fixture_address(), "file", move_on);
    assert_int_equal(poisons(c, "file"), BIT(OFFSET));
    assert_int_equal(repair(c, "file", PORTD_REPAIR_FLAGS, &done, &left), PORTD_E_UNSUPPORTED);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 40);
    drop_all(c);
}

static void many_are_shown_in_their_order(void **state) {
    portd_client *c = fixture_client(NULL);
    char texts[MANY][256];
    const char *names[MANY];
    portd_native fds[MANY];
    portd_list *list;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        memset(texts[i], 'n', 255);
        texts[i][255] = '\0';
        texts[i][0] = (char)('A' + i);
        names[i] = texts[i];
        fds[i] = file((off_t)i, (off_t)i);
    }
    assert_int_equal(portd_put(c, NULL, names, fds, MANY, NULL, NULL, fixture_soon(), NULL), 1);
    assert_int_equal(portd_show_holds(c, NULL, names, MANY, fixture_soon(), &list), 1);
    assert_int_equal(portd_list_count(list), MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_string_equal(portd_list_held(list, i)->name, names[i]);
        assert_int_equal(portd_list_held(list, i)->look->offset_at_put, i);
    }
    portd_list_free(list);
    drop_all(c);
}

static void bad_names_are_refused(void **state) {
    portd_client *c = fixture_client(NULL);
    const char *nobody = "nobody", *empty = "", *names[17];
    char longest[257];
    portd_list *list;
    (void)state;
    memset(longest, 'x', 256);
    longest[256] = '\0';
    const char *long_name = longest;
    for (size_t i = 0; i < 17; i++)
        names[i] = nobody;
    assert_int_equal(portd_show_holds(c, NULL, &nobody, 1, fixture_soon(), &list), PORTD_E_NOT_FOUND);
    assert_null(list);
    assert_int_equal(portd_show_holds(c, NULL, &empty, 1, fixture_soon(), &list), PORTD_E_INVALID);
    assert_int_equal(portd_show_holds(c, NULL, &long_name, 1, fixture_soon(), &list), PORTD_E_INVALID);
    assert_int_equal(portd_show_holds(c, NULL, &nobody, 0, fixture_soon(), &list), PORTD_E_INVALID);
    assert_int_equal(portd_show_holds(c, "nobody", &nobody, 1, fixture_soon(), &list), PORTD_E_INVALID);
    assert_int_equal(portd_show_holds_start(c, NULL, names, 17, NULL, NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(repair(c, nobody, 0, NULL, NULL), PORTD_E_NOT_FOUND);
    assert_int_equal(repair(c, empty, 0, NULL, NULL), PORTD_E_INVALID);
    assert_int_equal(repair(c, nobody, 2, NULL, NULL), PORTD_E_INVALID);
    drop_all(c);
}

/* ---- the keeper --------------------------------------------------------------------------------------------------- */

struct change {
    pid_t keeper, last;
};

static bool is_another(void *data) {
    const struct change *change = data;
    pid_t pid = fixture_child(change->keeper, NULL);
    return pid && pid != change->last;
}

static void what_was_at_put_outlives_the_broker(void **state) {
    static const char *const options[] = {"--keeper", "yes", NULL};
    struct fixture fixture;
    struct sockaddr_in at;
    unsigned done, left;
    portd_list *list;
    (void)state;
    fixture_start(&fixture, options);
    portd_client *c = fixture_client_at(fixture.address, NULL);
    put(c, "web", listener(false, &at));
    put(c, "file", file(100, 30));
    put(c, "same", file(100, 30));
    elsewhere(fixture.address, "web", shut);
    elsewhere(fixture.address, "web", flip);
    elsewhere(fixture.address, "file", move_on);
    fixture_disconnect(c);
    struct change change = {fixture.pid, fixture_child(fixture.pid, NULL)};
    assert_return_code(kill(change.last, SIGKILL), errno);
    assert_true(fixture_until(is_another, &change));

    c = fixture_client_at(fixture.address, NULL);
    assert_int_equal(poisons(c, "web"), BIT(NOT_LISTENING) | BIT(FLAGS));
    assert_int_equal(poisons(c, "file"), BIT(OFFSET));
    assert_int_equal(poisons(c, "same"), 0);
    const portd_look *look = show(c, "file", &list)->look;
    assert_int_equal(look->offset_at_put, 30);
    assert_int_equal(look->offset, 40);
    portd_list_free(list);
    assert_int_equal(repair(c, "web", PORTD_REPAIR_FLAGS, &done, &left), 1);
    assert_int_equal(done, BIT(NOT_LISTENING) | BIT(FLAGS));
    assert_true(connects(&at));
    const char *name = "file";
    assert_int_equal(portd_renew(c, NULL, &name, 1, NULL, fixture_soon()), 1); /* keeps it all */
    fixture_disconnect(c);
    change.last = fixture_child(fixture.pid, NULL);
    assert_return_code(kill(change.last, SIGKILL), errno);
    assert_true(fixture_until(is_another, &change));
    c = fixture_client_at(fixture.address, NULL);
    assert_int_equal(poisons(c, "web"), 0);
    assert_int_equal(poisons(c, "file"), BIT(OFFSET));
    fixture_disconnect(c);
    fixture_stop(&fixture);
}

TEST_MAIN(FIXTURE_CASE(what_it_is_is_told), FIXTURE_CASE(big_files_tell_no_offset_at_put),
          FIXTURE_CASE(who_has_got_copies_is_told), FIXTURE_CASE(a_listener_that_was_shut_down_listens_again),
          FIXTURE_CASE(an_address_that_is_taken_is_told), FIXTURE_CASE(a_unix_listener_does_not_listen_again),
          FIXTURE_CASE(who_ends_a_direction_is_told_apart),
          FIXTURE_CASE(flags_are_set_back_only_when_asked_for), FIXTURE_CASE(a_position_is_never_set_back),
          FIXTURE_CASE(many_are_shown_in_their_order), FIXTURE_CASE(bad_names_are_refused),
          FIXTURE_CASE_BARE(what_was_at_put_outlives_the_broker))
