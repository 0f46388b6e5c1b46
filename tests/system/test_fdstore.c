/* test_fdstore.c: what is held outlives broker and keeper where a service manager stores descriptors (FDSTORE=1, LISTEN_FDS). The manager is the
 * test, which does what sd_notify(3) and sd_listen_fds(3) say. */
#define _GNU_SOURCE

#include "tests/support/fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STORE_MOST = 1100, FIRST = 3, HIGH = 2000, TABLE = 4096, EACH = 100, LOW = 1500 };

struct item {
    char name[64];
    int fd;
};

struct manager {
    char folder[64], address[128], notify[96];
    int socket;
    size_t n, removals;
    struct item items[STORE_MOST];
    pid_t keeper;
    rlim_t limit;     /* of open files, for the keeper; 0: as this process has */
    int64_t patience; /* of its watchdog; 0: it has none */
    int64_t heard;    /* when the watchdog was told last */
    unsigned alive, reloading;
    bool ready;
};

/* ---- the manager -------------------------------------------------------------------------------------------------- */

static void manager_begin(struct manager *manager) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};

    if (!getenv("PORTD_DAEMON"))
        test_skip("PORTD_DAEMON does not name the broker");
    assert_return_code(prctl(PR_SET_CHILD_SUBREAPER, 1),
                       errno); /* a broker whose keeper is dead is the test's child */
    *manager = (struct manager){.folder = "/tmp/fdstore.XXXXXX"};
    assert_non_null(mkdtemp(manager->folder));
    (void)snprintf(manager->notify, sizeof manager->notify, "%s/notify", manager->folder);
    (void)snprintf(manager->address, sizeof manager->address, "unix:%s/s", manager->folder);
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", manager->notify);
    manager->socket = fixture_own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    assert_return_code(bind(manager->socket, (struct sockaddr *)&name, sizeof name), errno);
}

static void manager_remove(struct manager *manager, const char *name) {
    for (size_t i = manager->n; i-- > 0;) {
        if (strcmp(manager->items[i].name, name) != 0)
            continue;
        assert_return_code(close(manager->items[i].fd), errno);
        manager->items[i] = manager->items[--manager->n];
    }
}

static const char *value_in(char *text, const char *key, char value[64]) {
    size_t length = strlen(key);

    *value = '\0';
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        if (strncmp(line, key, length) == 0)
            (void)snprintf(value, 64, "%.*s", (int)strcspn(line + length, "\n"), line + length);
    return value;
}

/* One datagram. False: there is none. */
static bool manager_read_one(struct manager *manager) {
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    char text[512], value[64];
    struct iovec part = {text, sizeof text - 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control};
    ssize_t length = recvmsg(manager->socket, &message, MSG_CMSG_CLOEXEC);

    if (length < 0) {
        assert_int_equal(errno, EAGAIN);
        return false;
    }
    text[length] = '\0';
    assert_int_equal(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC), 0);
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (*value_in(text, "FDSTOREREMOVE=", value)) {
        assert_null(header);
        manager->removals++;
        manager_remove(manager, value_in(text, "FDNAME=", value));
    } else if (*value_in(text, "FDSTORE=", value)) {
        assert_non_null(header);
        assert_int_equal(header->cmsg_len, CMSG_LEN(sizeof(int)));
        assert_string_equal(value_in(text, "FDPOLL=", value), "0");
        assert_true(manager->n < STORE_MOST);
        struct item *item = &manager->items[manager->n++];
        memcpy(&item->fd, CMSG_DATA(header), sizeof(int));
        (void)snprintf(item->name, sizeof item->name, "%s", value_in(text, "FDNAME=", value));
        assert_true(strlen(item->name) > 0 && !strpbrk(item->name, ":"));
    } else {
        assert_null(header);
        manager->ready |= *value_in(text, "READY=", value) == '1';
        if (*value_in(text, "WATCHDOG=", value) == '1') {
            manager->alive++;
            manager->heard = portd_now();
        }
        if (*value_in(text, "RELOADING=", value) == '1') {
            assert_true(*value_in(text, "MONOTONIC_USEC=", value));
            manager->reloading++;
            manager->ready = false;
        }
    }
    return true;
}

static void manager_read(struct manager *manager) {
    while (manager_read_one(manager))
        continue;
}

static int become(void *data) {
    const struct manager *manager = data;
    const char *program = getenv("PORTD_DAEMON");
    static char names[STORE_MOST * 64];
    char pid[16], n[16], patience[24];
    size_t at = 0;
    int high[STORE_MOST];
    struct rlimit limit = {manager->limit, manager->limit};

    for (size_t i = 0; i < manager->n; i++)
        if ((high[i] = fcntl(manager->items[i].fd, F_DUPFD_CLOEXEC, HIGH)) < 0)
            return 100;
    for (size_t i = 0; i < manager->n; i++) {
        if (dup2(high[i], FIRST + (int)i) < 0)
            return 101;
        at += (size_t)snprintf(names + at, sizeof names - at, "%s%s", i ? ":" : "", manager->items[i].name);
    }
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void)snprintf(n, sizeof n, "%zu", manager->n);
    if (!program || setenv("NOTIFY_SOCKET", manager->notify, 1) < 0 || setenv("LISTEN_FDS", n, 1) < 0 ||
        setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDNAMES", names, 1) < 0)
        return 102;
    (void)snprintf(patience, sizeof patience, "%lld", (long long)manager->patience);
    if (manager->patience && (setenv("WATCHDOG_USEC", patience, 1) < 0 || setenv("WATCHDOG_PID", pid, 1) < 0))
        return 105;
    if (manager->limit && setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 104;
    (void)execl(program, "portd", "--listen", manager->address, "--keeper", "yes", "--log-level", "error",
                (char *)NULL);
    return 103;
}

/* As systemd starts a service: with what it has stored. */
static portd_client *manager_start(struct manager *manager) {
    struct pollfd wait = {.fd = manager->socket, .events = POLLIN};

    manager->ready = false;
    manager->keeper = fixture_fork(become, manager);
    while (!manager->ready) {
        assert_int_equal(poll(&wait, 1, 30000), 1);
        manager_read(manager);
    }
    return fixture_client_at(manager->address, NULL);
}

/* Both die at once. What they have sent counts. */
static void manager_kill(struct manager *manager) {
    pid_t broker = fixture_child(manager->keeper, NULL);

    assert_true(broker > 0);
    assert_return_code(kill(manager->keeper, SIGKILL), errno);
    assert_return_code(kill(broker, SIGKILL), errno);
    assert_true(fixture_reap(manager->keeper) != 0);
    assert_int_equal(waitpid(broker, NULL, 0), broker); /* with all its threads */
    manager_read(manager);
}

static void manager_end(struct manager *manager) {
    assert_return_code(kill(manager->keeper, SIGTERM), errno);
    assert_int_equal(fixture_reap(manager->keeper), 0);
    manager_read(manager);
    while (manager->n)
        manager_remove(manager, manager->items[0].name);
    assert_int_equal(unlink(manager->notify), 0);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/s.lock", manager->folder);
    (void)unlink(path);
    assert_int_equal(rmdir(manager->folder), 0);
}

/* ---- what is held ------------------------------------------------------------------------------------------------- */

static portd_id put(portd_client *c, const char *name, int fd, const portd_lease *lease) {
    portd_native native = fd;
    portd_id id = 0;

    assert_int_equal(portd_put(c, NULL, &name, &native, 1, NULL, lease, fixture_soon(), &id), 1);
    return id;
}

static void drop(portd_client *c, const char *name) {
    assert_int_equal(portd_drop(c, NULL, &name, 1, NULL, fixture_soon()), 1);
}

/* It is held under that id, and is the same pipe. */
static void assert_held(portd_client *c, const char *name, portd_id id, int fd) {
    portd_native got;
    portd_id is;
    struct stat a, b;

    assert_int_equal(portd_get(c, NULL, &name, 1, NULL, fixture_soon(), &got, &is), 1);
    assert_true(is == id);
    assert_return_code(fstat(fd, &a) | fstat((int)got, &b), errno);
    assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
    assert_return_code(close((int)got), errno);
}

static void make_pipe(int p[2]) {
    assert_return_code(pipe2(p, O_CLOEXEC), errno);
    (void)fixture_own(p[0]);
    (void)fixture_own(p[1]);
}

/* Also two names of one open file, which a manager stores once; also when it happens again, and what was renewed, replaced and dropped. */
static void what_is_held_outlives_the_keeper(void **state) {
    portd_lease lease = PORTD_LEASE_INIT;
    struct manager manager;
    portd_list *held;
    const char *renewed = "renewed", *replaced = "replaced";
    portd_native native;
    int p[2];

    (void)state;
    manager_begin(&manager);
    make_pipe(p);
    portd_client *c = manager_start(&manager);
    portd_id one = put(c, "one", p[0], NULL), same = put(c, "same", p[0], NULL);
    portd_id other = put(c, renewed, p[1], NULL), old = put(c, replaced, p[1], NULL), id;
    (void)put(c, "dropped", p[0], NULL);
    lease.ttl_us = INT64_C(3600) * 1000 * 1000;
    assert_int_equal(portd_renew(c, NULL, &renewed, 1, &lease, fixture_soon()), 1);
    native = p[0];
    assert_int_equal(portd_put(c, NULL, &replaced, &native, 1, &old, NULL, fixture_soon(), &id), 1);
    drop(c, "dropped");
    for (int i = 0; i < 3; i++) {
        fixture_disconnect(c);
        manager_kill(&manager);
        assert_int_equal(manager.n, 4 + 1); /* and the numbers */
        c = manager_start(&manager);
        assert_held(c, "one", one, p[0]);
        assert_held(c, "same", same, p[0]);
        assert_held(c, renewed, other, p[1]);
        assert_held(c, replaced, id, p[0]);
        assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &held), 1);
        assert_int_equal(portd_list_count(held), 4);
        portd_list_free(held);
    }
    assert_true(put(c, "new", p[0], NULL) > 0);
    fixture_disconnect(c);
    manager_end(&manager);
}

/* Stopped in good order, as for a restart, it leaves everything there. */
static void a_stop_leaves_what_is_held(void **state) {
    struct manager manager;
    int p[2];

    (void)state;
    manager_begin(&manager);
    make_pipe(p);
    portd_client *c = manager_start(&manager);
    portd_id one = put(c, "one", p[0], NULL);
    fixture_disconnect(c);
    assert_return_code(kill(manager.keeper, SIGTERM), errno);
    assert_int_equal(fixture_reap(manager.keeper), 0);
    manager_read(&manager);
    assert_int_equal(manager.n, 2);
    c = manager_start(&manager);
    assert_held(c, "one", one, p[0]);
    drop(c, "one");
    fixture_disconnect(c);
    manager_read(&manager);
    assert_int_equal(manager.n, 1);
    manager_end(&manager);
}

/* The manager has not read that yet. */
static void what_is_dropped_is_closed_there_too(void **state) {
    struct manager manager;
    char byte;
    int p[2];

    (void)state;
    manager_begin(&manager);
    assert_return_code(pipe2(p, O_CLOEXEC | O_NONBLOCK), errno);
    (void)fixture_own(p[0]);
    portd_client *c = manager_start(&manager);
    (void)put(c, "one", p[1], NULL);
    assert_return_code(close(p[1]), errno);
    manager_read(&manager);
    assert_int_equal(read(p[0], &byte, 1), -1);
    drop(c, "one");
    assert_int_equal(read(p[0], &byte, 1), 0);
    assert_int_equal(manager.n, 2);
    fixture_disconnect(c);
    manager_end(&manager);
}

/* Puts are answered all the same, and it has everything once it reads. */
static void a_manager_that_does_not_read_is_not_waited_for(void **state) {
    enum { PUTS = 40 };
    struct manager manager;
    char name[16];
    int p[2], fill, n = 0;

    (void)state;
    manager_begin(&manager);
    make_pipe(p);
    portd_client *c = manager_start(&manager);
    manager_read(&manager);
    fill = fixture_own(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", manager.notify);
    while (sendto(fill, "STATUS=x\n", 9, 0, (struct sockaddr *)&to, sizeof to) == 9)
        n++;
    assert_true(errno == EAGAIN && n > 0);
    for (int i = 0; i < PUTS; i++) {
        (void)snprintf(name, sizeof name, "n%d", i);
        (void)put(c, name, p[0], NULL);
    }
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    drop(c, "n0");
    while (manager.n < PUTS + 1 ||
           manager.removals <
               1) { /* the numbers, and all but the one that was not sent in time or was removed */
        struct pollfd wait = {.fd = manager.socket, .events = POLLIN};
        assert_true(poll(&wait, 1, 20000) == 1);
        manager_read(&manager);
        if (manager.n == PUTS && manager.removals == 1)
            break;
    }
    manager_kill(&manager);
    fixture_disconnect(c);
    c = manager_start(&manager);
    portd_list *held;
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &held), 1);
    assert_int_equal(portd_list_count(held), PUTS - 1);
    portd_list_free(held);
    fixture_disconnect(c);
    manager_end(&manager);
}

static void store(struct manager *manager, const char *name, int fd) {
    struct item *item = &manager->items[manager->n++];

    assert_true(fd >= 0);
    *item = (struct item){.fd = fd};
    (void)snprintf(item->name, sizeof item->name, "%s", name);
}

/* What cannot be read is removed; the others are unharmed. */
static void what_is_unsound_harms_no_other(void **state) {
    struct manager manager;
    int p[2], empty[2], garbage[2], ended[2];

    (void)state;
    manager_begin(&manager);
    make_pipe(p);
    portd_client *c = manager_start(&manager);
    portd_id one = put(c, "one", p[0], NULL);
    fixture_disconnect(c);
    manager_kill(&manager);
    assert_int_equal(manager.n, 2);
    assert_return_code(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, empty), errno);
    assert_return_code(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, garbage), errno);
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ended), errno);
    assert_int_equal(send(garbage[1], "\xff\xff\xff", 3, 0), 3);
    assert_return_code(close(empty[1]) | close(garbage[1]) | close(ended[1]), errno);
    store(&manager, "portd-00000000000000f0", empty[0]);
    store(&manager, "portd-00000000000000f1", garbage[0]);
    store(&manager, "portd-00000000000000f2", open("/dev/null", O_RDWR | O_CLOEXEC));
    store(&manager, "portd-00000000000000f3", ended[0]);
    store(&manager, "another", open("/dev/null", O_RDWR | O_CLOEXEC));
    c = manager_start(&manager);
    assert_held(c, "one", one, p[0]);
    manager_read(&manager);
    assert_int_equal(manager.n, 2 + 1); /* and what is not the broker's */
    fixture_disconnect(c);
    manager_end(&manager);
}

struct answer {
    bool told;
    int code;
};

static void on_put(portd_client *client, const portd_result *result, void *data) {
    struct answer *answer = data;
    (void)client;
    *answer = (struct answer){true, result->code};
    if (result->code < 0)
        assert_non_null(strstr(result->message, "the keeper has no room"));
}

/* Holds it under n names, from "n<first>" on, while the manager reads. What the put is answered. */
static int put_many(struct manager *manager, portd_client *c, int first, int n, int fd) {
    char names[EACH][16];
    const char *list[EACH];
    portd_native fds[EACH];
    struct answer answer = {false, 0};

    for (int i = 0; i < n; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%d", first + i);
        list[i] = names[i];
        fds[i] = fd;
    }
    assert_int_equal(portd_put_start(c, NULL, list, fds, (size_t)n, NULL, NULL, on_put, &answer, NULL), 1);
    for (int64_t end = fixture_soon(); !answer.told;) {
        assert_true(portd_now() < end);
        manager_read(manager);
        (void)portd_poll(c, portd_now() + 1000);
    }
    return answer.code;
}

static void raise_limit(void) {
    struct rlimit limit;

    assert_return_code(getrlimit(RLIMIT_NOFILE, &limit), errno);
    if (limit.rlim_max < TABLE)
        test_skip("the limit of open files is too low");
    if (limit.rlim_cur < TABLE)
        limit.rlim_cur = TABLE;
    assert_return_code(setrlimit(RLIMIT_NOFILE, &limit), errno);
}

static size_t count_held(portd_client *c) {
    portd_list *held;
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &held), 1);
    size_t n = portd_list_count(held);
    portd_list_free(held);
    return n;
}

/* The keeper has two descriptors of each, and of what it keeps no more than leave room for orders. Nothing that is held is lost, and all goes on. */
static void what_the_keeper_has_no_room_for_is_refused(void **state) {
    struct manager manager;
    int p[2], n = 0, code = 1;
    portd_lease lease = PORTD_LEASE_INIT;
    const char *name = "n0";

    (void)state;
    raise_limit();
    manager_begin(&manager);
    manager.limit = LOW;
    make_pipe(p);
    portd_client *c = manager_start(&manager);
    for (; code == 1 && n < LOW; n += EACH)
        code = put_many(&manager, c, n, EACH, p[0]);
    assert_int_equal(code, PORTD_E_LIMIT);
    n -= EACH;
    assert_true(n > 0);
    lease.ttl_us = INT64_C(3600) * 1000 * 1000;
    assert_int_equal(portd_renew(c, NULL, &name, 1, &lease, fixture_soon()), 1);
    drop(c, name);
    assert_int_equal(put_many(&manager, c, 0, 1, p[1]), 1);
    while (put_many(&manager, c, n, 1, p[0]) == 1) /* one by one */
        n++;
    fixture_disconnect(c);
    pid_t broker = fixture_child(manager.keeper, NULL);
    assert_return_code(kill(broker, SIGKILL), errno);
    c = fixture_client_at(manager.address, NULL); /* the next one, which got all back */
    assert_int_equal(count_held(c), (size_t)n);
    drop(c, "n1");
    fixture_disconnect(c);
    manager_kill(&manager);
    manager.limit = 0;
    c = manager_start(&manager);
    assert_int_equal(count_held(c), (size_t)n - 1);
    fixture_disconnect(c);
    manager_end(&manager);
}

/* Until the keeper has no room. How many are held, from "n0" on. */
static int fill(struct manager *manager, portd_client *c, int fd) {
    int n = 0;

    while (put_many(manager, c, n, EACH, fd) == 1)
        n += EACH;
    while (put_many(manager, c, n, 1, fd) == 1)
        n++;
    return n;
}

static int sleep_on(void *data) {
    (void)data;
    return pause();
}

/* A put that was to replace, and a renewal. */
static void what_is_refused_leaves_what_was(void **state) {
    enum { RENEWED = 5 };
    struct manager manager;
    portd_lease lease = PORTD_LEASE_INIT;
    const char *names[RENEWED] = {"n0", "n1", "n2", "n3", "n4"}, *together[] = {"n0", "new", "newer"};
    int p[2], q[2];
    portd_list *list;

    (void)state;
    raise_limit();
    manager_begin(&manager);
    manager.limit = LOW;
    make_pipe(p);
    make_pipe(q);
    portd_client *c = manager_start(&manager);
    size_t n = (size_t)fill(&manager, c, p[0]);
    portd_native got, fds[] = {q[0], q[0], q[0]};
    portd_id expects[] = {0, 0, 0}, ids[3];
    assert_int_equal(portd_get(c, NULL, names, 1, NULL, fixture_soon(), &got, expects), 1);
    assert_return_code(close((int)got), errno);
    assert_int_equal(portd_put(c, NULL, together, fds, 3, expects, NULL, fixture_soon(), ids), PORTD_E_LIMIT);
    assert_held(c, "n0", expects[0], p[0]);
    assert_int_equal(portd_get(c, NULL, &together[1], 1, NULL, fixture_soon(), &got, ids), PORTD_E_NOT_FOUND);
    assert_int_equal(count_held(c), n);

    pid_t sleeper = fixture_fork(sleep_on, NULL);
    lease.process = fixture_own((int)syscall(SYS_pidfd_open, sleeper, 0));
    lease.ttl_us = INT64_C(3600) * 1000 * 1000;
    assert_int_equal(portd_renew(c, NULL, names, RENEWED, &lease, fixture_soon()), PORTD_E_LIMIT);
    assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++) {
        assert_int_equal(portd_list_held(list, i)->process_pid, 0);
        assert_int_equal(portd_list_held(list, i)->ttl_us, 0);
    }
    portd_list_free(list);
    fixture_end(sleeper);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_int_equal(count_held(c), n);

    fixture_disconnect(c);
    assert_return_code(kill(fixture_child(manager.keeper, NULL), SIGKILL), errno);
    c = fixture_client_at(manager.address, NULL);
    assert_int_equal(count_held(c), n);
    assert_held(c, "n0", expects[0], p[0]);
    drop(c, "n1");
    assert_int_equal(portd_put(c, NULL, together, fds, 1, expects, NULL, fixture_soon(), ids), 1);
    assert_held(c, "n0", ids[0], q[0]);
    fixture_disconnect(c);
    manager_end(&manager);
}

/* More would keep programs of the same user from passing descriptors. What was stored stays stored. */
static void the_manager_is_given_so_many_at_most(void **state) {
    enum { MOST = 900 };
    struct manager manager;
    portd_lease lease = PORTD_LEASE_INIT;
    const char *first = "n0";
    int p[2];

    (void)state;
    raise_limit();
    manager_begin(&manager);
    make_pipe(p);
    portd_client *c = manager_start(&manager);
    for (int n = 0; n < MOST + EACH; n += EACH)
        assert_int_equal(put_many(&manager, c, n, EACH, p[0]), 1);
    manager_read(&manager);
    assert_int_equal(manager.n, MOST + 1); /* and the numbers */
    lease.ttl_us = INT64_C(3600) * 1000 * 1000;
    assert_int_equal(portd_renew(c, NULL, &first, 1, &lease, fixture_soon()), 1);
    manager_read(&manager);
    assert_int_equal(manager.n, MOST + 1);
    fixture_disconnect(c);
    assert_return_code(kill(fixture_child(manager.keeper, NULL), SIGKILL), errno);
    c = fixture_client_at(manager.address, NULL);
    assert_int_equal(count_held(c), MOST + EACH);
    fixture_disconnect(c);
    manager_kill(&manager);
    c = manager_start(&manager);
    assert_int_equal(count_held(c), MOST);
    assert_int_equal(put_many(&manager, c, MOST, 1, p[0]), 1); /* as many were loaded */
    manager_read(&manager);
    assert_int_equal(manager.n, MOST + 1);
    drop(c, first);
    assert_int_equal(put_many(&manager, c, MOST + 1, 1, p[0]), 1);
    manager_read(&manager);
    assert_int_equal(manager.n, MOST + 1);
    fixture_disconnect(c);
    manager_end(&manager);
}

/* ---- the broker, for the manager ---------------------------------------------------------------------------------- */

static bool has_heard(void *data) {
    struct manager *manager = data;
    unsigned before = manager->alive;

    manager_read(manager);
    return manager->alive > before;
}

struct change {
    pid_t keeper, last;
};

static bool is_another(void *data) {
    const struct change *change = data;
    pid_t pid = fixture_child(change->keeper, NULL);

    return pid > 0 && pid != change->last;
}

static void a_silent_broker_is_replaced(void **state) {
    struct manager manager;
    int p[2];

    (void)state;
    manager_begin(&manager);
    manager.patience = 8000000;
    make_pipe(p);
    portd_client *c = manager_start(&manager);
    portd_id one = put(c, "one", p[0], NULL);
    fixture_disconnect(c);
    assert_true(fixture_until(has_heard, &manager));
    struct change change = {manager.keeper, fixture_child(manager.keeper, NULL)};
    assert_return_code(kill(change.last, SIGSTOP), errno);
    assert_true(fixture_until(is_another, &change));
    c = fixture_client_at(manager.address, NULL);
    assert_held(c, "one", one, p[0]);
    manager_read(&manager);
    assert_true(fixture_until(has_heard, &manager));
    fixture_disconnect(c);
    manager_end(&manager);
}

/* Each is stopped before it serves: the keeper replaces two, and then says no more. */
static void what_goes_on_failing_is_left_to_the_manager(void **state) {
    struct manager manager;
    unsigned seen = 0;
    pid_t last = 0, pid;
    int p[2];

    (void)state;
    manager_begin(&manager);
    manager.patience = 2000000;
    make_pipe(p);
    portd_client *c = manager_start(&manager);
    portd_id one = put(c, "one", p[0], NULL);
    fixture_disconnect(c);
    assert_true(fixture_until(has_heard, &manager));
    while (portd_now() - manager.heard < 3 * manager.patience) {
        pid = fixture_child(manager.keeper, NULL);
        if (pid > 0 && pid != last) {
            assert_return_code(kill(pid, SIGSTOP), errno);
            last = pid;
            seen++;
        }
        unsigned before = manager.alive;
        manager_read(&manager);
        if (manager.alive > before) /* that one had answered before it was stopped */
            seen = 1;
        (void)poll(NULL, 0, 1);
    }
    assert_in_range(seen, 2, 3);
    manager_kill(&manager);
    c = manager_start(&manager);
    assert_held(c, "one", one, p[0]);
    fixture_disconnect(c);
    manager_end(&manager);
}

static bool has_reloaded(void *data) {
    struct manager *manager = data;

    manager_read(manager);
    return manager->reloading && manager->ready;
}

static void a_reload_is_told(void **state) {
    struct manager manager;

    (void)state;
    manager_begin(&manager);
    fixture_disconnect(manager_start(&manager));
    assert_return_code(kill(manager.keeper, SIGHUP), errno);
    assert_true(fixture_until(has_reloaded, &manager));
    assert_int_equal(manager.reloading, 1);
    manager_end(&manager);
}

int main(void) {
    struct CMUnitTest cases[] = {
        FIXTURE_CASE_BARE(what_is_held_outlives_the_keeper),
        FIXTURE_CASE_BARE(a_stop_leaves_what_is_held),
        FIXTURE_CASE_BARE(what_is_dropped_is_closed_there_too),
        FIXTURE_CASE_BARE(a_manager_that_does_not_read_is_not_waited_for),
        FIXTURE_CASE_BARE(what_is_unsound_harms_no_other),
        FIXTURE_CASE_BARE(what_the_keeper_has_no_room_for_is_refused),
        FIXTURE_CASE_BARE(what_is_refused_leaves_what_was),
        FIXTURE_CASE_BARE(the_manager_is_given_so_many_at_most),
        FIXTURE_CASE_BARE(a_silent_broker_is_replaced),
        FIXTURE_CASE_BARE(what_goes_on_failing_is_left_to_the_manager),
        FIXTURE_CASE_BARE(a_reload_is_told),
    };
    return TEST_RUN(cases);
}
