/* test_nesting.c: the lock under which the kernel adds one epoll descriptor to another.
 *
 * It exists once per system. A process that keeps the lock of an epoll descriptor (it waits on it into memory that a file server
 * withholds) keeps the global one as well, by adding that epoll descriptor to a third one at second remove. No other client may
 * wait for it in the broker; a client whose request takes that lock uses one thread for it, and can do everything else. */
#define _GNU_SOURCE

#include "ports.h"

#include "daemon/loop/lanes.h"
#include "tests/support/fuse_silent.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

static struct fuse_silent fuse;

/* The held one, the one around it, and one for that. */
struct nest {
    int inner, middle, outer;
};

static int wait_for_ever(void *data) {
    const struct nest *nest = data;
    return !fuse_silent_keep_lock(&fuse, nest->inner);
}

static int add(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int nest_for_ever(void *data) {
    const struct nest *nest = data;
    return add(nest->outer, nest->middle) < 0;
}

static int make_epoll(void) { return fixture_own(epoll_create1(EPOLL_CLOEXEC)); }

static bool waits_without_end(void *data) { return fixture_process_state(*(pid_t *)data) == 'D'; }

struct holders {
    pid_t of_inner, of_all;
    bool held;
};

static struct holders begin_hold(struct nest *nest) {
    static struct nest kept;
    struct holders holders;

    kept = *nest;
    holders.of_inner = fixture_fork(wait_for_ever, &kept);
    holders.held = fuse_silent_await(&fuse);
    holders.of_all = fixture_fork(nest_for_ever, &kept);
    holders.held = holders.held && fixture_until(waits_without_end, &holders.of_all);
    return holders;
}

static void end_hold(const struct holders *holders) {
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_int_equal(fixture_reap(holders->of_inner), 0);
    assert_int_equal(fixture_reap(holders->of_all), 0);
}

/* Not asserted at once: the server has to be ended first. */
struct answers {
    int epoll, terminal, semaphore, handle_plain, handle_epoll, told, ping, removed;
};

static int wait_one(portd_client *c, portd_id id) {
    portd_ready ready;
    return portd_wait(c, &id, 1, 0, fixture_soon(), &ready);
}

static struct answers ask_all(portd_client *c, int epoll, int pty, int plain) {
    portd_id of_epoll = 0, of_pty = 0, of_plain = 0, semaphore = 0;
    portd_native handle = -1;
    struct answers answers;

    answers.epoll = portd_fd_to_evt(c, epoll, READ, PORTD_FD, fixture_soon(), &of_epoll);
    answers.terminal = portd_fd_to_evt(c, pty, READ, PORTD_FD, fixture_soon(), &of_pty);
    answers.semaphore = portd_fd_to_semaphore(c, epoll, READ, fixture_soon(), &semaphore);
    (void)portd_fd_to_evt(c, plain, READ, PORTD_FD, fixture_soon(), &of_plain);
    answers.told = wait_one(c, of_epoll) + wait_one(c, semaphore) + wait_one(c, of_pty);
    answers.handle_plain = portd_handle_dup(c, of_plain, fixture_soon(), &handle);
    (void)close((int)handle);
    handle = -1;
    answers.handle_epoll = portd_handle_dup(c, of_epoll, fixture_soon(), &handle);
    (void)close((int)handle);
    answers.ping = portd_ping(c, fixture_soon());
    answers.removed = portd_remove(c, of_pty, fixture_soon());
    return answers;
}

static void nobody_waits_for_it(void **state) {
    portd_client *c = fixture_client(NULL);
    struct nest nest = {make_epoll(), make_epoll(), make_epoll()};
    int ready[2], plain[2], pty[2];

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    make_blocking_pipe(ready);
    make_blocking_pipe(plain);
    make_pty(pty);
    fd_say(ready[1], "a");
    fd_say(pty[1], "a");
    int epoll = make_epoll();
    assert_int_equal(add(epoll, ready[0]), 0);
    assert_int_equal(add(nest.inner, ready[0]), 0);
    assert_int_equal(add(nest.middle, nest.inner), 0);
    struct holders holders = begin_hold(&nest);
    struct answers answers = {0};
    if (holders.held)
        answers = ask_all(c, epoll, pty[0], plain[0]);
    end_hold(&holders);
    assert_true(holders.held);
    assert_int_equal(answers.epoll, 1);
    assert_int_equal(answers.terminal, 1);
    assert_int_equal(answers.semaphore, 1);
    assert_int_equal(answers.told, 3);
    assert_int_equal(answers.handle_plain, 1);
    assert_int_equal(answers.handle_epoll, PORTD_E_LIMIT); /* it has to be nested: the kernel lets nobody */
    assert_int_equal(answers.ping, 1);
    assert_int_equal(answers.removed, 1);
}

/* ---- whose handles need it ----------------------------------------------------------------------------------------- */

enum { EVENTS = 6 };

/* How many there are in that state. */
static uint64_t jobs(portd_client *c, const char *state) {
    portd_list *list = NULL;
    uint64_t found = UINT64_MAX;

    if (portd_get_stats(c, fixture_soon(), &list) != 1)
        return found;
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        if (strcmp(metric->name, "jobs") == 0 && strcmp(metric->labels[0].value, state) == 0)
            found = metric->value;
    }
    portd_list_free(list);
    return found;
}

struct owner_answers {
    int handles[EVENTS], removed, again, read, ping;
    uint64_t stuck;
};

static struct owner_answers ask_owner(portd_client *c, const portd_id events[EVENTS], portd_id in) {
    struct owner_answers answers = {0};
    size_t n = 0;
    char byte;

    for (int i = 0; i < EVENTS; i++) {
        portd_native handle = -1;
        answers.handles[i] = portd_handle_dup(c, events[i], fixture_soon(), &handle);
        (void)close((int)handle);
    }
    answers.removed = portd_remove(c, events[0], fixture_soon());
    answers.stuck = jobs(c, "stuck");
    answers.again = wait_one(c, events[0]);
    answers.read = portd_port_read(c, in, &byte, 1, 0, fixture_soon(), &n, NULL);
    answers.ping = portd_ping(c, fixture_soon());
    return answers;
}

struct pair {
    portd_client *client;
    portd_id id;
};

static bool has_handle(void *data) {
    const struct pair *pair = data;
    portd_native handle = -1;
    int answer = portd_handle_dup(pair->client, pair->id, fixture_soon(), &handle);

    if (answer == 1)
        (void)close((int)handle);
    return answer == 1;
}

static void its_own_handles_cost_one_thread(void **state) {
    portd_client *c = fixture_client(NULL);
    struct nest nest = {make_epoll(), make_epoll(), make_epoll()};
    struct owner_answers answers = {0};
    portd_id events[EVENTS];
    int ready[2], plain[2];

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    make_blocking_pipe(ready);
    make_blocking_pipe(plain);
    fd_say(ready[1], "a");
    fd_say(plain[1], "b");
    for (int i = 0; i < EVENTS; i++) {
        int epoll = make_epoll();
        assert_int_equal(add(epoll, ready[0]), 0);
        events[i] = ask_evt(c, epoll, READ);
    }
    portd_id in = port_in(c, plain[0]);
    assert_int_equal(add(nest.inner, ready[0]), 0);
    assert_int_equal(add(nest.middle, nest.inner), 0);
    struct holders holders = begin_hold(&nest);
    if (holders.held)
        answers = ask_owner(c, events, in);
    end_hold(&holders);
    assert_true(holders.held);
    for (int i = 0; i < EVENTS; i++)
        assert_int_equal(answers.handles[i], PORTD_E_LIMIT);
    assert_int_equal(answers.removed, 1);
    assert_int_equal(answers.stuck, 1); /* and is still, when remove is answered */
    assert_int_equal(answers.again, 1);
    assert_int_equal(answers.read, 1);
    assert_int_equal(answers.ping, 1);
    assert_cause(c, events[0], REMOVED);
    assert_cause(c, events[1], READY);
    /* When it is free again, they are had as ever. */
    struct pair pair = {c, events[1]};
    assert_true(fixture_until(has_handle, &pair));
}

/* ---- whose handles need it, when they are many ----------------------------------------------------------------------- */

enum { CROWD = OFFLOAD_THREADS + 16, CROWD_UID = 30000, SHORT_US = 1000 };

struct member {
    portd_client *client;
    portd_id event;
};

/* The kernel tells who connects by the effective user. */
static portd_client *connect_as(const struct fixture *broker, uid_t uid) {
    portd_client *client = NULL;

    if (seteuid(uid) < 0)
        return NULL;
    (void)portd_connect(broker->address, NULL, fixture_soon(), &client);
    return seteuid(0) < 0 ? NULL : client;
}

/* And no more of them will be. */
static bool threads_are_scarce(void *data) {
    return jobs(data, "stuck") >= OFFLOAD_THREADS - LANES_KEPT - OFFLOAD_WORKERS &&
           jobs(data, "running") == 0;
}

struct crowd_answers {
    bool scarce;
    uint64_t before, after; /* stuck */
    int late, made, removed, ping;
};

static struct crowd_answers ask_crowd(struct member *crowd, const struct fixture *broker, int epoll,
                                      int plain) {
    struct crowd_answers answers = {0};
    portd_native handle = -1;
    portd_id event = 0;
    struct member last = {0};

    for (int i = 0; i < CROWD; i++)
        (void)portd_handle_dup(crowd[i].client, crowd[i].event, portd_now() + SHORT_US, &handle);
    answers.scarce = fixture_until(threads_are_scarce, crowd[0].client);
    answers.before = jobs(crowd[0].client, "stuck");
    last.client = connect_as(broker, CROWD_UID + CROWD);
    answers.made = portd_fd_to_evt(last.client, epoll, READ, PORTD_FD, fixture_soon(), &last.event);
    answers.late = portd_handle_dup(last.client, last.event, fixture_soon(), &handle);
    if (answers.late == 1)
        (void)close((int)handle);
    (void)portd_fd_to_evt(last.client, plain, READ, PORTD_FD, fixture_soon(), &event);
    answers.removed = portd_remove(last.client, event, fixture_soon());
    answers.after = jobs(crowd[0].client, "stuck");
    answers.ping = portd_ping(crowd[1].client, fixture_soon());
    portd_disconnect(last.client);
    return answers;
}

static void disconnect_all(const struct member crowd[CROWD]) {
    for (int i = 0; i < CROWD; i++)
        portd_disconnect(crowd[i].client);
}

static void a_crowd_leaves_threads_for_closes(void **state) {
    static const char *const open_to_all[] = {"--mode", "0666", NULL};
    static struct member crowd[CROWD];
    static struct fixture broker;
    struct nest nest = {make_epoll(), make_epoll(), make_epoll()};
    struct crowd_answers answers = {0};
    int ready[2], plain[2], epoll = make_epoll();

    (void)state;
    if (geteuid() != 0)
        test_skip("needs to become another user");
    fixture_start(&broker, open_to_all);
    make_blocking_pipe(ready);
    make_blocking_pipe(plain);
    assert_int_equal(add(epoll, ready[0]), 0);
    for (int i = 0; i < CROWD; i++) {
        crowd[i].client = connect_as(&broker, (uid_t)(i ? CROWD_UID + i : 0)); /* the first may see all */
        assert_non_null(crowd[i].client);
        crowd[i].event = ask_evt(crowd[i].client, epoll, READ);
    }
    assert_int_equal(add(nest.inner, ready[0]), 0);
    assert_int_equal(add(nest.middle, nest.inner), 0);
    if (!fuse_silent_open(&fuse)) {
        disconnect_all(crowd);
        test_skip("there is no FUSE here");
    }
    fd_say(ready[1], "a");
    struct holders holders = begin_hold(&nest);
    if (holders.held)
        answers = ask_crowd(crowd, &broker, epoll, plain[0]);
    end_hold(&holders);
    disconnect_all(crowd);
    assert_true(holders.held);
    assert_true(answers.scarce);
    assert_int_equal(answers.made, 1);
    assert_int_equal(answers.late, PORTD_E_LIMIT);
    assert_int_equal(answers.removed, 1);
    assert_int_equal(answers.after, answers.before); /* none of them had to come back for that */
    assert_int_equal(answers.ping, 1);
}

TEST_MAIN(FIXTURE_CASE(nobody_waits_for_it), FIXTURE_CASE(its_own_handles_cost_one_thread),
          FIXTURE_CASE_BARE(a_crowd_leaves_threads_for_closes))
