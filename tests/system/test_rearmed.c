/* test_rearmed.c: changes of what the broker watches: while a poller thread is still arming the previous interest, and when one
 * of several waiters is woken or leaves. */
#include "guest.h"

#include "tests/procedures/ports.h"

#include "tests/support/fuse_silent.h"

#include <linux/net_tstamp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Keeps the lock of an epoll descriptor (test_held_locks.c). */
static struct fuse_silent fuse;

static int hold_body(void *data) { return !fuse_silent_keep_lock(&fuse, *(int *)data); }

static pid_t begin_hold(int *epoll) {
    pid_t child = fixture_fork(hold_body, epoll);

    if (fuse_silent_await(&fuse))
        return child;
    fuse_silent_end(&fuse);
    fail_msg("nobody asks for the page");
    return -1;
}

static void end_hold(pid_t child) {
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_int_equal(fixture_reap(child), 0);
}

/* An epoll descriptor with a pipe in it, whose lock FUSE can keep: the case is skipped without. */
static int make_epoll(int ends[2]) {
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    make_blocking_pipe(ends);
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
    return epoll;
}

/* The thread that arms is held up at another descriptor. Somebody waits to read and then somebody else to write; both are watched for
 * when it goes on. */
static void what_is_asked_for_while_it_is_armed(void **state) {
    portd_client *c = fixture_client(NULL);
    int ends[2], pty[2];
    portd_ready ready;
    char byte;

    (void)state;
    int epoll = make_epoll(ends);
    make_pty(pty);
    portd_id held = ask_evt(c, epoll, READ), in = ask_evt(c, pty[0], READ), out = ask_evt(c, pty[0], WRITE);
    fd_say(ends[1], "a");
    pid_t child = begin_hold(&epoll);
    int looked = portd_wait(c, &held, 1, 0, portd_now(), &ready); /* the thread is stuck */
    struct inflight *reader = ask_park_one(c, in, 0), *writer = ask_park_one(c, out, 0);
    /* A look behind theirs is answered once they are armed, as far as the loop is concerned. */
    int behind = portd_wait(c, &in, 1, 0, portd_now(), &ready);
    end_hold(child);
    assert_int_equal(looked, 0);
    assert_int_equal(behind, 0);
    assert_answer(writer, out, READY);
    assert_true(ask_still_inflight(reader));
    fd_say(pty[1], "x");
    assert_answer(reader, in, READY);
    assert_int_equal(read(pty[0], &byte, 1), 1);
}

/* The thread is held up while the first of three that wait for one activity leaves, and the others come: it arms once, as before it is what they
 * need. So it tells once of what was ready then. */
static void what_has_not_changed_while_it_is_armed(void **state) {
    portd_client *c = fixture_client(NULL), *second = fixture_joined(c);
    int ends[2], pty[2];
    portd_ready ready;

    (void)state;
    int epoll = make_epoll(ends);
    make_pty(pty);
    portd_id held = ask_evt(c, epoll, READ), in = ask_evt(c, pty[0], READ);
    fd_say(ends[1], "a");
    pid_t child = begin_hold(&epoll);
    int looked = portd_wait(c, &held, 1, 0, portd_now(), &ready); /* the thread is stuck */
    struct inflight *leaves = ask_park_one(c, in, PORTD_WAIT_ONE);
    int behind = portd_wait(c, &in, 1, 0, portd_now(), &ready);
    portd_cancel(leaves->request);
    int left = ask_answer(leaves);
    struct inflight *first = ask_park_one(c, in, PORTD_WAIT_ONE),
                    *next = ask_park_one(second, in, PORTD_WAIT_ONE);
    fd_say(pty[1], "x\n");
    short readable = fixture_poll(pty[0], POLLIN);
    end_hold(child);
    assert_int_equal(looked, 0);
    assert_int_equal(behind, 0);
    assert_int_equal(left, PORTD_E_CANCELLED);
    assert_true(readable & POLLIN);
    assert_answer(first, in, READY);
    /* What the thread has told is here after the second look behind it. */
    assert_cause(c, in, READY);
    assert_cause(c, in, READY);
    assert_true(ask_still_inflight(next));
    fixture_abandon(c);
    assert_answer(next, in, READY);
}

/* Two pipes and events for their bytes. */
static void make_evts(portd_client *c, int p[2], int q[2], portd_id ids[2]) {
    make_pipe(p);
    make_pipe(q);
    ids[0] = ask_evt(c, p[0], READ);
    ids[1] = ask_evt(c, q[0], READ);
}

/* What a wait for all was told of and is gone again does not count. */
static void what_was_told_counts_for_all_only_while_it_is_so(void **state) {
    static const unsigned flags[] = {PORTD_WAIT_ALL, PORTD_WAIT_ALL | PORTD_WAIT_ONE};
    portd_client *c = fixture_client(NULL);
    portd_id ids[2];
    int p[2], q[2];

    (void)state;
    make_evts(c, p, q, ids);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct inflight *all = ask_park(c, ids, 2, flags[i]);
        struct inflight *first = ask_park_one(c, ids[0], 0), *second = ask_park_one(c, ids[1], 0);
        put(p[1]);
        assert_answer(first, ids[0], READY);
        (void)drain(p[0]);
        put(q[1]);
        assert_answer(second, ids[1], READY);
        assert_true(ask_still_inflight(all));
        first = ask_park_one(c, ids[0], 0);
        put(p[1]);
        assert_answer(first, ids[0], READY);
        assert_int_equal(ask_answer(all), 2);
        (void)drain(p[0]);
        (void)drain(q[0]);
    }
}

/* A limit ends a wait of any kind for which nothing comes. A client without the library is told so, which would not wait for ever either. */
static void a_limit_ends_what_is_armed(void **state) {
    struct raw raw;
    int p[2], q[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    guest_open(&raw);
    uint64_t ids[2] = {guest_evt(&raw, p[0], p[0]), guest_evt(&raw, q[0], q[0])};
    for (unsigned i = 0; i < 8; i++) {
        raw_request request = PORTD__V1__REQUEST__INIT;
        Portd__V1__Wait wait = PORTD__V1__WAIT__INIT;
        wait.ids = ids;
        wait.n_ids = 1 + i / 4;
        wait.all = i & 1;
        wait.one = i & 2;
        wait.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
        wait.limit_us = 2000;
        request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
        request.wait = &wait;
        raw_reply *reply = raw_ask(&raw, &request);
        assert_non_null(reply);
        assert_non_null(reply->wait);
        assert_int_equal(reply->wait->n_ready, 0);
        raw_free(reply);
    }
}

/* An id that comes twice ends twice, and what takes its place in memory is not waited for. */
static void an_id_that_comes_twice(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2], q[2], r[2];

    (void)state;
    make_pipe(p);
    make_pipe(q);
    make_pipe(r);
    portd_id gone = ask_evt(c, p[0], READ), ids[4] = {gone, gone, ask_evt(c, q[0], READ), gone};
    struct inflight *all = ask_park(c, ids, 4, PORTD_WAIT_ALL);
    assert_int_equal(portd_remove(c, gone, fixture_soon()), 1);
    assert_int_equal(portd_release(c, &gone, 1, fixture_soon()), 1);
    assert_int_equal(portd_ping(c, fixture_soon()), 1);
    portd_id later = ask_evt(c, r[0], READ);
    put(q[1]);
    assert_int_equal(ask_answer(all), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(all->ready[i].cause, i == 2 ? READY : REMOVED);
    assert_cause(c, later, IDLE);
}

static void waits_are_counted_while_they_are_inflight(void **state) {
    portd_client *c = fixture_client(NULL);
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id id = ask_evt(c, p[0], READ);
    struct inflight *one = ask_park_one(c, id, 0), *other = ask_park_one(c, id, 0);
    assert_int_equal(ask_inflight(c), 2);
    ask_cancel(one);
    assert_int_equal(ask_inflight(c), 1);
    put(p[1]);
    assert_answer(other, id, READY);
    assert_int_equal(ask_inflight(c), 0);
}

/* ---- wake-one ---------------------------------------------------------------------------------------------------- */

/* Who waits for one of all leaves an activity to whom it was given, and waits for the next. */
static void one_for_all_leaves_it_to_whom_it_was_given(void **state) {
    portd_client *c = fixture_client(NULL), *other = fixture_joined(c);
    portd_id ids[2];
    int p[2], q[2];

    (void)state;
    make_evts(c, p, q, ids);
    struct inflight *any = ask_park_one(c, ids[0], PORTD_WAIT_ONE);
    struct inflight *all = ask_park(other, ids, 2, PORTD_WAIT_ALL | PORTD_WAIT_ONE);
    put(q[1]);
    put(p[1]);
    assert_answer(any, ids[0], READY);
    assert_true(ask_still_inflight(all));
    put(p[1]); /* and that is its own */
    assert_int_equal(ask_answer(all), 2);
}

/* The activity was given to a wait that is cancelled before its reply, as many others are answered before it: the next one gets it. */
static void what_is_given_to_one_that_cancels_is_given_on(void **state) {
    enum { OTHERS = 300 };
    portd_client *c = fixture_client(NULL), *next = fixture_joined(c), *rest = fixture_joined(c);
    struct inflight *others[OTHERS];
    int p[2];

    (void)state;
    make_pipe(p);
    portd_id id = ask_evt(c, p[0], READ);
    for (int i = 0; i < OTHERS; i++)
        others[i] = ask_park_one(rest, id, 0);
    struct inflight *first = ask_park_one(c, id, PORTD_WAIT_ONE),
                    *second = ask_park_one(next, id, PORTD_WAIT_ONE);
    fixture_hold_broker();
    put(p[1]);
    portd_cancel(first->request);
    while (portd_process(c) > 0)
        continue;
    fixture_continue_broker();
    int code = ask_answer(first);
    for (int i = 0; i < OTHERS; i++)
        assert_answer(others[i], id, READY);
    assert_int_equal(code, PORTD_E_CANCELLED);
    assert_answer(second, id, READY);
}

/* More connections end at once than are remembered one by one: what each was given goes to the next. */
static void what_many_that_end_at_once_were_given(void **state) {
    enum { MANY = 12 };
    portd_client *rest = fixture_client(NULL), *clients[MANY];
    struct inflight *waits[MANY];
    portd_id ids[MANY];
    int ends[MANY][2];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        make_pipe(ends[i]);
        ids[i] = ask_evt(rest, ends[i][0], READ);
        clients[i] = fixture_joined(rest);
        struct inflight *wait = ask_park_one(clients[i], ids[i], PORTD_WAIT_ONE);
        waits[i] = ask_park_one(rest, ids[i], PORTD_WAIT_ONE);
        put(ends[i][1]);
        assert_answer(wait, ids[i], READY);
        assert_true(ask_still_inflight(waits[i]));
    }
    fixture_hold_broker();
    for (int i = 0; i < MANY; i++)
        fixture_abandon(clients[i]);
    fixture_continue_broker();
    for (int i = 0; i < MANY; i++)
        assert_answer(waits[i], ids[i], READY);
}

/* What was answered before the event was seen idle has no turn to pass on, though it was several. */
static void those_answered_before_it_was_idle(void **state) {
    enum { WORKERS = 4 };
    portd_client *clients[WORKERS];
    struct inflight *waits[WORKERS];
    int p[2];

    (void)state;
    make_pipe(p);
    for (int i = 0; i < WORKERS; i++)
        clients[i] = i ? fixture_joined(clients[0]) : fixture_client(NULL);
    portd_id id = ask_evt(clients[0], p[0], READ);
    for (int i = 0; i < WORKERS; i++)
        waits[i] = ask_park_one(clients[i], id, PORTD_WAIT_ONE);
    for (int i = 0; i < 2; i++) {
        put(p[1]);
        assert_answer(waits[i], id, READY);
    }
    (void)drain(p[0]);
    waits[0] = ask_park_one(clients[0], id, PORTD_WAIT_ONE); /* which looks */
    put(p[1]);
    assert_answer(waits[2], id, READY);
    fixture_abandon(clients[1]);
    ask_until_waiters(clients[0], id, 2);
    assert_true(ask_still_inflight(waits[0]));
    assert_true(ask_still_inflight(waits[3]));
}

/* ---- what is watched --------------------------------------------------------------------------------------------- */

static const unsigned NOTHING = 0, EDGES = 1u << 31, IN = EPOLLIN, OUT = EPOLLOUT;

/* What the broker has asked its epoll to tell of the descriptor of that object: the kernel lists it, under the descriptor's id. */
static unsigned watched(portd_client *c, portd_id id) {
    char path[64], line[256], link[64];
    unsigned found = NOTHING;
    const unsigned long long descriptor = (unsigned long long)ask_item(c, id).descriptor;

    for (int fd = 0; fd < 64; fd++) {
        unsigned events;
        unsigned long long data;
        (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)fixture_broker()->pid, fd);
        ssize_t n = readlink(path, link, sizeof link - 1);
        if (n < 0 || strncmp(link, "anon_inode:[eventpoll]", (size_t)n) != 0)
            continue;
        (void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)fixture_broker()->pid, fd);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(line, sizeof line, file))
            if (sscanf(line, "tfd: %*d events: %x data: %llx", &events, &data) == 2 && data == descriptor)
                found = events;
        assert_int_equal(fclose(file), 0);
    }
    return found & (EDGES | IN | OUT);
}

/* Edges go on until somebody ends them: when the last wake-one wait leaves nothing is watched. */
static void what_a_wake_one_wait_watched_ends_with_it(void **state) {
    static const unsigned flags[] = {PORTD_WAIT_ONE, PORTD_WAIT_ALL | PORTD_WAIT_ONE};
    portd_client *c = fixture_client(NULL);
    int ends[2], p[2];

    (void)state;
    make_pair(SOCK_STREAM, ends);
    make_pipe(p);
    (void)fill(ends[0]);
    portd_id in = ask_evt(c, ends[0], READ), out = ask_evt(c, ends[0], WRITE);
    portd_id ids[2] = {in, ask_evt(c, p[0], READ)};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(watched(c, in), NOTHING);
        struct inflight *reader = ask_park(c, ids, 2, flags[i]);
        assert_int_equal(watched(c, in), EDGES | IN);
        ask_cancel(reader);
        assert_int_equal(watched(c, in), NOTHING);
        struct inflight *writer = ask_park_one(c, out, PORTD_WAIT_ONE);
        assert_int_equal(watched(c, in), EDGES | OUT);
        ask_cancel(writer);
        assert_int_equal(watched(c, in), NOTHING);
    }
}

/* Nor is it when such a wait was told of all that it waits for, and has looked. */
static void what_a_wake_one_wait_was_told_of_ends_with_it(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_id ids[2];
    int p[2], q[2];

    (void)state;
    make_evts(c, p, q, ids);
    struct inflight *all = ask_park(c, ids, 2, PORTD_WAIT_ALL | PORTD_WAIT_ONE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(watched(c, ids[i]), EDGES | IN);
    put(p[1]);
    put(q[1]);
    assert_int_equal(ask_answer(all), 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(watched(c, ids[i]), NOTHING);
}

/* It goes, and others wait for the same: they need no edges. */
static void others_are_watched_for_as_before(void **state) {
    static const unsigned flags[] = {PORTD_WAIT_ONE, PORTD_WAIT_ALL | PORTD_WAIT_ONE};
    portd_client *c = fixture_client(NULL);
    portd_id ids[2];
    int p[2], q[2];

    (void)state;
    make_evts(c, p, q, ids);
    struct inflight *other = ask_park_one(c, ids[0], 0);
    for (size_t i = 0; i < 2; i++) {
        struct inflight *one = ask_park(c, ids, 2, flags[i]);
        assert_int_equal(watched(c, ids[0]), EDGES | IN);
        ask_cancel(one);
        assert_int_equal(watched(c, ids[0]), IN);
    }
    put(p[1]);
    assert_answer(other, ids[0], READY);
}

struct looked_at {
    portd_client *client;
    portd_id id;
    unsigned watched;
};

static bool is_watched(void *data) {
    const struct looked_at *at = data;
    return watched(at->client, at->id) == at->watched;
}

/* Reads of it were tried in vain until it is watched by edges, as poll(2) tells of the time stamps of what was sent. Then somebody waits
 * for room meanwhile. */
static void room_that_nobody_waits_for_is_not_watched(void **state) {
    int on = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, off = 0, ends[2];
    portd_client *c = fixture_client(NULL);

    (void)state;
    make_tcp(ends);
    if (setsockopt(ends[0], SOL_SOCKET, SO_TIMESTAMPING, &on, sizeof on))
        test_skip("there are no time stamps here");
    put(ends[0]);
    if (!(fixture_poll(ends[0], POLLERR) & POLLERR))
        test_skip("what is sent here gets no time stamp");
    portd_id out = ask_evt(c, ends[0], WRITE);
    struct io *read = io_read(c, port_wrap_socket(c, ends[0]).in, 1, 0);
    struct looked_at at = {c, out, EDGES | IN};
    assert_true(fixture_until(is_watched, &at));
    assert_int_equal(setsockopt(ends[0], SOL_SOCKET, SO_TIMESTAMPING, &off, sizeof off), 0);
    struct msghdr message = {0};
    while (recvmsg(ends[0], &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
        continue;
    (void)fill(ends[0]);
    struct inflight *writer = ask_park_one(c, out, 0);
    assert_int_equal(watched(c, out), EDGES | IN | OUT);
    (void)drain(ends[1]);
    assert_answer(writer, out, READY);
    at.watched = EDGES | IN;
    assert_true(fixture_until(is_watched, &at));
    assert_true(io_still_inflight(read));
    put(ends[1]);
    assert_int_equal(io_answer(read), 1);
}

/* So many objects end at once, each the last of its descriptor. */
static void many_semaphores_fire_at_once(void **state) {
    enum { MANY = 150 };
    portd_client *c = fixture_client(NULL);
    portd_id ids[MANY];
    int ends[MANY][2];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        make_pipe(ends[i]);
        ids[i] = ask_semaphore(c, ends[i][0], READ);
    }
    fixture_hold_broker();
    for (int i = 0; i < MANY; i++)
        put(ends[i][1]);
    fixture_continue_broker();
    for (int i = 0; i < MANY; i++)
        assert_until(c, ids[i], READY);
    fixture_until_fds(fixture_broker(), 1);
}

TEST_MAIN(FIXTURE_CASE(what_is_asked_for_while_it_is_armed),
          FIXTURE_CASE(what_has_not_changed_while_it_is_armed), FIXTURE_CASE(a_limit_ends_what_is_armed),
          FIXTURE_CASE(an_id_that_comes_twice), FIXTURE_CASE(waits_are_counted_while_they_are_inflight),
          FIXTURE_CASE(one_for_all_leaves_it_to_whom_it_was_given),
          FIXTURE_CASE(what_is_given_to_one_that_cancels_is_given_on),
          FIXTURE_CASE(what_many_that_end_at_once_were_given),
          FIXTURE_CASE(those_answered_before_it_was_idle),
          FIXTURE_CASE(what_a_wake_one_wait_watched_ends_with_it),
          FIXTURE_CASE(what_a_wake_one_wait_was_told_of_ends_with_it),
          FIXTURE_CASE(others_are_watched_for_as_before),
          FIXTURE_CASE(room_that_nobody_waits_for_is_not_watched), FIXTURE_CASE(many_semaphores_fire_at_once),
          FIXTURE_CASE(what_was_told_counts_for_all_only_while_it_is_so))
