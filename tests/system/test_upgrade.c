/* test_upgrade.c: another broker takes over: its clients notice nothing, whatever they have, wait for, have half sent or have not received; and if it cannot, the one before
 * goes on. */
#define _GNU_SOURCE

#include "tests/support/client_raw.h"
#include "tests/support/fixture.h"
#include "tests/support/fuse_silent.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { UPGRADES = 100, CLIENTS = 4, OTHER_UID = 1000, LONG = 60000 };

static const char *const options[] = {"--keeper", "yes", NULL};

/* ---- brokers ------------------------------------------------------------------------------------------------------ */

static pid_t broker_of(const struct fixture *fixture) { return fixture_child(fixture->pid, NULL); }

static bool has_one(void *data) {
    unsigned n = 0;
    (void)fixture_child(((struct fixture *)data)->pid, &n);
    return n == 1;
}

static uint32_t upgrade(struct fixture *fixture, portd_client *c) {
    uint32_t pid = 0;
    assert_int_equal(portd_upgrade(c, fixture_soon(), &pid), 1);
    assert_true(fixture_until(has_one, fixture)); /* the one before is gone */
    assert_int_equal(broker_of(fixture), pid);
    return pid;
}

static portd_client *begin(struct fixture *fixture) {
    fixture_start(fixture, options);
    return fixture_client_at(fixture->address, NULL);
}

static void make_pipe(int p[2]) {
    assert_return_code(pipe2(p, O_CLOEXEC | O_NONBLOCK), errno);
    (void)fixture_own(p[0]);
    (void)fixture_own(p[1]);
}

/* ---- what clients have -------------------------------------------------------------------------------------------- */

struct outcome {
    int code;
    size_t count;
    bool done;
};

static void on_done(portd_client *client, const portd_result *result, void *data) {
    struct outcome *outcome = data;
    (void)client;
    outcome->code = result->code;
    outcome->count = result->count;
    outcome->done = true;
}

static void await(portd_client *c, const struct outcome *outcome) {
    int64_t until = fixture_soon();
    while (!outcome->done)
        assert_true(portd_poll(c, until) > 0);
}

static void parked_waits_go_on(void **state) {
    static struct fixture fixture;
    struct outcome any = {0}, late = {0}, all = {0};
    portd_id ids[2];
    int p[2], q[2];
    (void)state;
    portd_client *c = begin(&fixture), *other = fixture_client_at(fixture.address, NULL);
    make_pipe(p);
    make_pipe(q);
    assert_int_equal(portd_fd_to_semaphore(c, p[0], PORTD_MODE_READ, fixture_soon(), &ids[0]), 1);
    assert_int_equal(portd_fd_to_evt(c, q[0], PORTD_MODE_READ, 0, fixture_soon(), &ids[1]), 1);
    assert_int_equal(portd_wait_start(c, ids, 1, 0, PORTD_FOREVER, on_done, &any, NULL), 1);
    assert_int_equal(portd_wait_start(c, ids, 2, PORTD_WAIT_ALL, PORTD_FOREVER, on_done, &all, NULL), 1);
    assert_int_equal(portd_wait_start(c, &ids[1], 1, 0, portd_now() + 300000, on_done, &late, NULL), 1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1); /* they are in flight */
    (void)upgrade(&fixture, other);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_false(any.done || all.done);
    await(c, &late); /* its time goes on */
    assert_int_equal(late.code, 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    await(c, &any);
    assert_int_equal(any.code, 1);
    assert_false(all.done);
    assert_int_equal(write(q[1], "x", 1), 1);
    await(c, &all);
    assert_int_equal(all.code, 2);
    fixture_stop(&fixture);
}

static bool is_readable(int fd) { return poll(&(struct pollfd){fd, POLLIN, 0}, 1, 0) == 1; }

static void handles_go_on(void **state) {
    static struct fixture fixture;
    portd_id semaphore, evt;
    portd_native fired, follows;
    int p[2], q[2];
    char byte;
    (void)state;
    portd_client *c = begin(&fixture);
    make_pipe(p);
    make_pipe(q);
    assert_int_equal(portd_fd_to_semaphore(c, p[0], PORTD_MODE_READ, fixture_soon(), &semaphore), 1);
    assert_int_equal(portd_fd_to_evt(c, q[0], PORTD_MODE_READ, 0, fixture_soon(), &evt), 1);
    assert_int_equal(portd_handle_dup(c, semaphore, fixture_soon(), &fired), 1);
    assert_int_equal(portd_handle_dup(c, evt, fixture_soon(), &follows), 1);
    (void)fixture_own((int)fired);
    (void)fixture_own((int)follows);
    for (int i = 0; i < 2; i++)
        (void)upgrade(&fixture, c);
    assert_false(is_readable((int)fired) || is_readable((int)follows));
    assert_int_equal(write(q[1], "x", 1), 1);
    assert_true(is_readable((int)follows));
    assert_int_equal(read(q[0], &byte, 1), 1);
    assert_false(is_readable((int)follows));
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_true(fixture_poll((int)fired, POLLIN) & POLLIN);
    assert_int_equal(portd_remove(c, evt, fixture_soon()), 1);
    assert_true(fixture_poll((int)follows, POLLIN) & POLLIN);
    (void)upgrade(&fixture, c); /* what is ready for ever stays so */
    assert_true(is_readable((int)fired) && is_readable((int)follows));
    fixture_stop(&fixture);
}

static void objects_are_the_same(void **state) {
    static struct fixture fixture;
    portd_id ports[2], semaphore, again, ended;
    portd_ready ready;
    portd_list *before, *after;
    char bytes[8];
    size_t n;
    int s[2], p[2];
    (void)state;
    portd_client *c = begin(&fixture);
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), errno);
    (void)fixture_own(s[0]);
    (void)fixture_own(s[1]);
    make_pipe(p);
    assert_int_equal(portd_socket_to_port(c, s[0], "a pair", 0, fixture_soon(), &ports[0], &ports[1]), 2);
    assert_int_equal(portd_fd_to_semaphore(c, p[0], PORTD_MODE_READ, fixture_soon(), &semaphore), 1);
    assert_int_equal(portd_fd_to_semaphore(c, p[1], PORTD_MODE_WRITE, fixture_soon(), &ended), 1);
    assert_int_equal(portd_port_close(c, ports[1], fixture_soon()), 1);
    assert_int_equal(portd_list_objects(c, PORTD_KIND_ANY, fixture_soon(), &before), 1);
    (void)upgrade(&fixture, c);
    assert_int_equal(portd_list_objects(c, PORTD_KIND_ANY, fixture_soon(), &after), 1);
    assert_int_equal(portd_list_count(after), portd_list_count(before));
    for (size_t i = 0; i < portd_list_count(before); i++) {
        const portd_item *a = portd_list_item(before, i), *b = portd_list_item(after, i);
        assert_true(a->id == b->id && a->kind == b->kind && a->number == b->number && a->cause == b->cause);
        assert_true(a->registered == b->registered && a->descriptor == b->descriptor);
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->type, b->type);
    }
    portd_list_free(before);
    portd_list_free(after);
    assert_int_equal(portd_fd_to_semaphore(c, p[0], PORTD_MODE_READ, fixture_soon(), &again), 1);
    assert_int_equal(again, semaphore); /* of the same open file under the same number */
    assert_int_equal(portd_wait(c, &ports[1], 1, 0, fixture_soon(), &ready), 1);
    assert_int_equal(ready.cause, PORTD_CAUSE_PORT_CLOSED);
    assert_int_equal(write(s[1], "bytes", 5), 5);
    assert_int_equal(portd_port_read(c, ports[0], bytes, sizeof bytes, 0, fixture_soon(), &n, NULL), 1);
    assert_int_equal(n, 5);
    assert_int_equal(portd_remove(c, semaphore, fixture_soon()), 1);
    fixture_stop(&fixture);
}

/* ---- what is under way -------------------------------------------------------------------------------------------- */

static void half_a_frame_goes_on(void **state) {
    static struct fixture fixture;
    struct raw raw;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Descriptor descriptor = PORTD__V1__DESCRIPTOR__INIT;
    Portd__V1__Cause cause = 0;
    int p[2];
    (void)state;
    portd_client *c = begin(&fixture);
    make_pipe(p);
    assert_int_equal(raw_open(&raw, fixture.address), 0);
    (void)fixture_own(raw.fd);
    request.id = 77;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_SEMAPHORE;
    request.file_descriptor_to_semaphore = &descriptor;
    descriptor.number = p[0];
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    size_t size = raw_pack(bytes, &request, 1);
    assert_int_equal(raw_send(&raw, bytes, size - 1, &p[0], 1), 0); /* the descriptor waits in the broker */
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    (void)upgrade(&fixture, c);
    assert_int_equal(raw_send(&raw, bytes + size - 1, 1, NULL, 0), 0);
    raw_reply *reply = raw_next(&raw, NULL);
    assert_non_null(reply);
    assert_int_equal(reply->id, 77);
    assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_SEMAPHORE);
    uint64_t id = reply->file_descriptor_to_semaphore->id;
    raw_free(reply);
    assert_int_equal(raw_start_wait(&raw, 78, id), 0);
    assert_int_equal(raw_ping(&raw), 0);
    (void)upgrade(&fixture, c);
    assert_int_equal(write(p[1], "x", 1), 1);
    assert_int_equal(raw_ready(raw_next(&raw, NULL), &cause), id);
    fixture_disown(raw.fd);
    raw_close(&raw);
    fixture_stop(&fixture);
}

/* Replies that the client has not read, more than its socket takes, and requests behind them. */
static void unread_replies_go_on(void **state) {
    enum { REQUESTS = 400 };
    static struct fixture fixture;
    struct raw raw;
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__StatusOf status = PORTD__V1__STATUS_OF__INIT;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    unsigned sent = 0;
    (void)state;
    portd_client *c = begin(&fixture);
    assert_int_equal(raw_open(&raw, fixture.address), 0);
    (void)fixture_own(raw.fd);
    request.method_case = PORTD__V1__REQUEST__METHOD_STATUS;
    request.status = &status;
    for (; sent < REQUESTS; sent++) {
        request.id = 1000 + sent;
        size_t size = raw_pack(bytes, &request, 0);
        ssize_t n = raw_send_some(&raw, bytes, size, NULL, 0);
        if (n < 0)
            break;
        assert_int_equal(n, size);
    }
    assert_true(sent > 100);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    (void)upgrade(&fixture, c);
    (void)upgrade(&fixture, c);
    for (unsigned i = 0; i < sent; i++) {
        raw_reply *reply = raw_next(&raw, NULL);
        assert_non_null(reply);
        assert_int_equal(reply->id, 1000 + i);
        assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_STATUS);
        raw_free(reply);
    }
    fixture_disown(raw.fd);
    raw_close(&raw);
    fixture_stop(&fixture);
}

static void transfers_go_on(void **state) {
    static struct fixture fixture;
    struct outcome read_one = {0}, write_one = {0}, splice_one = {0};
    static char bytes[LONG], drain[LONG];
    portd_id in, out, spliced, none;
    int p[2], q[2], r[2], s[2];
    ssize_t filled, n, total = 0;
    (void)state;
    portd_client *c = begin(&fixture), *other = fixture_client_at(fixture.address, NULL);
    make_pipe(p);
    make_pipe(q);
    make_pipe(r);
    make_pipe(s);
    assert_int_equal(portd_fd_to_port(c, p[0], "p", PORTD_READ, fixture_soon(), &in, &none), 1);
    assert_int_equal(portd_fd_to_port(c, r[0], "r", PORTD_READ, fixture_soon(), &spliced, &none), 1);
    assert_int_equal(portd_fd_to_port(c, q[1], "q", PORTD_WRITE, fixture_soon(), &none, &out), 1);
    filled = write(q[1], bytes, LONG); /* so that the write is parked */
    while ((n = write(q[1], bytes, LONG)) > 0)
        filled += n;
    assert_true(filled > 0);
    memset(bytes, 'w', sizeof bytes);
    assert_int_equal(portd_port_read_start(c, in, sizeof bytes, 0, on_done, &read_one, NULL), 1);
    assert_int_equal(portd_port_write_start(c, out, bytes, 3000, on_done, &write_one, NULL), 1);
    assert_int_equal(portd_port_splice_start(c, spliced, s[1], 1, 1000, on_done, &splice_one, NULL), 1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    (void)upgrade(&fixture, other);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    assert_false(read_one.done || write_one.done || splice_one.done);
    assert_int_equal(write(p[1], "read", 4), 4);
    await(c, &read_one);
    assert_int_equal(read_one.count, 4);
    assert_int_equal(write(r[1], "splice", 6), 6);
    await(c, &splice_one);
    assert_int_equal(splice_one.count, 6);
    assert_int_equal(read(s[0], drain, sizeof drain), 6);
    while (total < filled && (n = read(q[0], drain, sizeof drain)) > 0)
        total += n;
    await(c, &write_one);
    assert_true(write_one.count > 0 && write_one.count <= 3000);
    fixture_stop(&fixture);
}

/* ---- under load --------------------------------------------------------------------------------------------------- */

struct load {
    const char *address;
    int number;
};

static volatile sig_atomic_t stops;

static void on_term(int number) {
    (void)number;
    stops = 1;
}

static int say(int number, const char *what, const portd_client *c, int code) {
    (void)fprintf(stderr, "client %d: %s: %d %s\n", number, what, code, portd_last_error(c));
    return 1;
}

/* One turn of everything. 0, or 1: a request failed, or a wake did not come. */
static int work(portd_client *c, int number) {
    int64_t soon = portd_now() + 20000000;
    struct outcome woken = {0};
    portd_id id = 0, held = 0;
    portd_native copy, handle;
    char name[32];
    const char *names = name;
    int p[2], result = 0, code;
    (void)snprintf(name, sizeof name, "load-%d", number);
    if (pipe2(p, O_CLOEXEC | O_NONBLOCK))
        return 1;
    portd_native native = p[0];
    if ((code = portd_fd_to_semaphore(c, p[0], PORTD_MODE_READ, soon, &id)) != 1)
        result = say(number, "semaphore", c, code);
    if (!result && (code = portd_wait_start(c, &id, 1, 0, PORTD_FOREVER, on_done, &woken, NULL)) != 1)
        result = say(number, "wait", c, code);
    if (!result && (code = portd_put(c, NULL, &names, &native, 1, NULL, NULL, soon, &held)) != 1)
        result = say(number, "put", c, code);
    if (!result && (code = portd_get(c, NULL, &names, 1, NULL, soon, &copy, NULL)) != 1)
        result = say(number, "get", c, code);
    else if (!result)
        (void)close((int)copy);
    if (!result && (code = portd_handle_dup(c, id, soon, &handle)) != 1)
        result = say(number, "handle", c, code);
    if (!result && write(p[1], "x", 1) != 1)
        result = 1;
    while (!result && !woken.done)
        if (portd_poll(c, soon) <= 0)
            result = say(number, "no wake", c, 0);
    if (!result && woken.code != 1)
        result = say(number, "woken", c, woken.code);
    if (!result && poll(&(struct pollfd){(int)handle, POLLIN, 0}, 1, 20000) != 1)
        result = say(number, "the handle is not ready", c, 0);
    else if (!result)
        (void)close((int)handle);
    if (!result && (code = portd_drop(c, NULL, &names, 1, NULL, soon)) != 1)
        result = say(number, "drop", c, code);
    if (!result && (code = portd_remove(c, id, soon)) < 0)
        result = say(number, "remove", c, code);
    if (!result && (code = portd_release(c, &id, 1, soon)) < 0)
        result = say(number, "release", c, code);
    (void)close(p[0]);
    (void)close(p[1]);
    return result;
}

static int load(void *data) {
    const struct load *load = data;
    portd_options given = PORTD_OPTIONS_INIT;
    portd_client *c;
    int result = 0;
    (void)signal(SIGTERM, on_term);
    if (portd_connect(load->address, &given, portd_now() + 20000000, &c) != 1)
        return 2;
    int64_t turns = 0;
    for (; !result && !stops; turns++)
        result = work(c, load->number);
    portd_disconnect(c);
    return result ? result : turns > 0 ? 0 : 3;
}

static void under_load_nothing_fails(void **state) {
    const char *most = getenv("PORTD_UPGRADES"); /* fewer where a program starts slowly */
    const int upgrades = most ? atoi(most) : UPGRADES;
    static struct fixture fixture;
    struct load loads[CLIENTS];
    pid_t pids[CLIENTS];
    uint32_t last = 0;
    (void)state;
    portd_client *c = begin(&fixture);
    for (int i = 0; i < CLIENTS; i++) {
        loads[i] = (struct load){fixture.address, i};
        pids[i] = fixture_fork(load, &loads[i]);
    }
    for (int i = 0; i < upgrades; i++) {
        uint32_t pid = upgrade(&fixture, c);
        assert_true(pid != last);
        last = pid;
    }
    for (int i = 0; i < CLIENTS; i++)
        assert_return_code(kill(pids[i], SIGTERM), errno);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(fixture_reap(pids[i]), 0);
    fixture_stop(&fixture);
}

/* ---- when it cannot ----------------------------------------------------------------------------------------------- */

static void expect_same(const struct fixture *fixture, portd_client *c, pid_t before) {
    assert_int_equal(broker_of(fixture), before);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
}

static void write_config(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_return_code(fd, errno);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static void a_bad_configuration_leaves_the_broker(void **state) {
    static struct fixture fixture;
    struct outcome woken = {0};
    char path[64] = "/tmp/portd-upgrade-XXXXXX";
    portd_id id;
    uint32_t pid = 1;
    int p[2];
    (void)state;
    int fd = mkstemp(path);
    assert_return_code(fd, errno);
    assert_int_equal(close(fd), 0);
    const char *with_config[] = {"--keeper", "yes", "--config", path, NULL};
    fixture_start(&fixture, with_config);
    portd_client *c = fixture_client_at(fixture.address, NULL);
    pid_t before = broker_of(&fixture);
    make_pipe(p);
    assert_int_equal(portd_fd_to_semaphore(c, p[0], PORTD_MODE_READ, fixture_soon(), &id), 1);
    assert_int_equal(portd_wait_start(c, &id, 1, 0, PORTD_FOREVER, on_done, &woken, NULL), 1);
    write_config(path, "no such key = 1\n");
    assert_int_equal(portd_upgrade(c, fixture_soon(), &pid), PORTD_E_SYSTEM);
    assert_int_equal(pid, 0);
    assert_non_null(strstr(portd_last_error(c), "before it began"));
    assert_true(fixture_until(has_one, &fixture));
    expect_same(&fixture, c, before);
    write_config(path, "");
    (void)upgrade(&fixture, c);
    assert_int_equal(write(p[1], "x", 1), 1);
    await(c, &woken);
    assert_int_equal(woken.code, 1);
    assert_return_code(unlink(path), errno);
    fixture_stop(&fixture);
}

static bool has_two(void *data) {
    unsigned n = 0;
    (void)fixture_child(((struct fixture *)data)->pid, &n);
    return n == 2;
}

struct second {
    struct fixture *fixture;
    pid_t first, pid;
};

/* A child of the keeper that is not the first broker. */
static bool find_second(void *data) {
    struct second *second = data;
    char path[64];
    int pid = 0;
    if (!has_two(second->fixture))
        return false;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)second->fixture->pid,
                   (int)second->fixture->pid);
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%d", &pid) == 1)
        if (pid != second->first)
            second->pid = pid;
    if (file)
        (void)fclose(file);
    return second->pid != 0;
}

/* The next broker sleeps in the opening of its configuration, a FIFO without a writer, and is killed there. */
static void the_next_one_is_killed(void **state) {
    static struct fixture fixture;
    struct outcome refused = {0};
    char path[64] = "/tmp/portd-upgrade-XXXXXX", file[96];
    (void)state;
    assert_non_null(mkdtemp(path));
    (void)snprintf(file, sizeof file, "%s/portd.conf", path);
    write_config(file, "");
    const char *with_config[] = {"--keeper", "yes", "--config", file, NULL};
    fixture_start(&fixture, with_config);
    portd_client *c = fixture_client_at(fixture.address, NULL);
    struct second second = {&fixture, broker_of(&fixture), 0};
    assert_return_code(unlink(file), errno);
    assert_return_code(mkfifo(file, 0600), errno);
    assert_int_equal(portd_upgrade_start(c, on_done, &refused, NULL), 1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1); /* it serves its clients meanwhile */
    assert_true(fixture_until(find_second, &second));
    assert_return_code(kill(second.pid, SIGKILL), errno);
    await(c, &refused);
    assert_int_equal(refused.code, PORTD_E_SYSTEM);
    expect_same(&fixture, c, second.first);
    assert_return_code(unlink(file), errno);
    write_config(file, "");
    (void)upgrade(&fixture, c);
    fixture_stop(&fixture);
    assert_return_code(unlink(file), errno);
    assert_return_code(rmdir(path), errno);
}

static void without_a_keeper_there_is_none(void **state) {
    static struct fixture fixture;
    (void)state;
    fixture_start(&fixture, NULL);
    portd_client *c = fixture_client_at(fixture.address, NULL);
    assert_int_equal(portd_upgrade(c, fixture_soon(), NULL), PORTD_E_UNSUPPORTED);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    fixture_stop(&fixture);
}

static int ask_as_other(void *data) {
    portd_client *c;
    if (setuid(OTHER_UID) || portd_connect(data, NULL, portd_now() + 20000000, &c) != 1)
        return 2;
    int code = portd_upgrade(c, portd_now() + 20000000, NULL);
    portd_disconnect(c);
    return code == PORTD_E_DENIED ? 0 : 1;
}

static void others_may_not(void **state) {
    static const char *const open_to_all[] = {"--keeper", "yes", "--mode", "0666", NULL};
    static struct fixture fixture;
    (void)state;
    if (geteuid() != 0)
        skip();
    fixture_start(&fixture, open_to_all);
    pid_t before = broker_of(&fixture);
    assert_int_equal(fixture_reap(fixture_fork(ask_as_other, fixture.address)), 0);
    assert_int_equal(broker_of(&fixture), before);
    fixture_stop(&fixture);
}

/* A worker hangs in a read of a file whose file system does not answer. It prevents nothing, and nobody else waits longer. */
static void what_hangs_prevents_nothing(void **state) {
    static struct fixture fixture;
    static struct fuse_silent fuse;
    static struct outcome hangs;
    portd_id port, none;
    (void)state;
    hangs = (struct outcome){0};
    fixture_start(&fixture, options);
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    portd_client *c = fixture_client_at(fixture.address, NULL);
    bool wraps = portd_fd_to_port(c, fuse.fd, "", PORTD_READ, fixture_soon(), &port, &none) == 1 &&
                 portd_port_read_start(c, port, 1, 0, on_done, &hangs, NULL) == 1 &&
                 portd_ping(c, fixture_soon()) == 1;
    uint32_t pid = 0;
    int code = wraps ? portd_upgrade(c, fixture_soon(), &pid) : 0;
    int64_t until = fixture_soon();
    while (code == 1 && !hangs.done && portd_poll(c, until) > 0)
        ;
    int pings = portd_ping(c, fixture_soon());
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_true(wraps);
    assert_int_equal(code, 1);
    assert_int_equal(hangs.code, PORTD_E_UNCERTAIN);
    assert_int_equal(pings, 1);
    assert_true(fixture_until(has_one, &fixture));
    fixture_stop(&fixture);
}

/* ---- what is held ------------------------------------------------------------------------------------------------- */

/* No byte is lost or comes twice, whichever broker takes it. */
static void a_spool_goes_on(void **state) {
    enum { CHUNK = 500, CHUNKS = 60 };
    static struct fixture fixture;
    portd_spool spool = PORTD_SPOOL_INIT;
    static unsigned char chunk[CHUNK], got[LONG];
    const char *name = "spooled";
    const uint64_t room = 65536;
    portd_id id;
    uint64_t from = 0;
    int p[2];
    (void)state;
    portd_client *c = begin(&fixture);
    make_pipe(p);
    portd_native native = p[0];
    assert_int_equal(portd_put_spooled(c, NULL, &name, &native, 1, NULL, NULL, &room, PORTD_SPOOL_DROP,
                                       fixture_soon(), &id),
                     1);
    for (unsigned i = 0; i < CHUNKS; i++) {
        for (size_t at = 0; at < CHUNK; at++)
            chunk[at] = (unsigned char)((i * CHUNK + at) % 251);
        assert_int_equal(write(p[1], chunk, CHUNK), CHUNK);
        if (i % 10 == 5)
            (void)upgrade(&fixture, c);
    }
    while (from < CHUNK * CHUNKS) {
        assert_int_equal(
            portd_spool_read(c, NULL, name, id, from, got, sizeof got, 0, fixture_soon(), &spool), 1);
        assert_int_equal(spool.position, from);
        assert_int_equal(spool.lost, 0);
        for (size_t at = 0; at < spool.count; at++)
            assert_int_equal(got[at], (from + at) % 251);
        from += spool.count;
    }
    assert_int_equal(from, CHUNK * CHUNKS);
    fixture_stop(&fixture);
}

static int sleep_on(void *data) {
    (void)data;
    return pause();
}

static void what_is_held_stays(void **state) {
    static struct fixture fixture;
    portd_lease lease = PORTD_LEASE_INIT;
    const char *names[] = {"one", "other"};
    portd_native fds[2];
    portd_id ids[2], got[2], evt;
    portd_list *list;
    int p[2];
    (void)state;
    portd_client *c = begin(&fixture);
    make_pipe(p);
    pid_t sleeper = fixture_fork(sleep_on, NULL);
    lease.process = fixture_own((int)syscall(SYS_pidfd_open, sleeper, 0));
    fds[0] = p[0];
    fds[1] = p[1];
    assert_int_equal(portd_put(c, NULL, names, fds, 1, NULL, NULL, fixture_soon(), ids), 1);
    assert_int_equal(portd_put(c, NULL, &names[1], &fds[1], 1, NULL, &lease, fixture_soon(), &ids[1]), 1);
    assert_int_equal(portd_hold_to_evt(c, NULL, "one", PORTD_MODE_READ, fixture_soon(), &evt), 1);
    (void)upgrade(&fixture, c);
    assert_int_equal(portd_get(c, NULL, names, 2, ids, fixture_soon(), fds, got), 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(got[i], ids[i]);
        (void)fixture_own((int)fds[i]);
    }
    struct outcome woken = {0};
    assert_int_equal(portd_wait_start(c, &evt, 1, 0, PORTD_FOREVER, on_done, &woken, NULL), 1);
    (void)upgrade(&fixture, c);
    assert_int_equal(write(p[1], "x", 1), 1);
    await(c, &woken);
    fixture_end(sleeper); /* its lease is over, and the broker that runs then knows */
    do
        assert_int_equal(portd_list_holds(c, NULL, fixture_soon(), &list), 1);
    while (portd_list_count(list) == 2 && (portd_list_free(list), true));
    assert_int_equal(portd_list_count(list), 1);
    portd_list_free(list);
    assert_return_code(kill(broker_of(&fixture), SIGKILL), errno); /* the keeper has all that it had before */
    assert_int_equal(portd_get(c, NULL, names, 1, ids, fixture_soon(), fds, NULL), 1);
    (void)fixture_own((int)fds[0]);
    fixture_stop(&fixture);
}

int main(void) {
    struct CMUnitTest cases[] = {
        FIXTURE_CASE_BARE(parked_waits_go_on),       FIXTURE_CASE_BARE(handles_go_on),
        FIXTURE_CASE_BARE(objects_are_the_same),     FIXTURE_CASE_BARE(half_a_frame_goes_on),
        FIXTURE_CASE_BARE(unread_replies_go_on),     FIXTURE_CASE_BARE(transfers_go_on),
        FIXTURE_CASE_BARE(under_load_nothing_fails), FIXTURE_CASE_BARE(a_bad_configuration_leaves_the_broker),
        FIXTURE_CASE_BARE(the_next_one_is_killed),   FIXTURE_CASE_BARE(without_a_keeper_there_is_none),
        FIXTURE_CASE_BARE(others_may_not),           FIXTURE_CASE_BARE(what_hangs_prevents_nothing),
        FIXTURE_CASE_BARE(a_spool_goes_on),          FIXTURE_CASE_BARE(what_is_held_stays),
    };
    return TEST_RUN(cases);
}
