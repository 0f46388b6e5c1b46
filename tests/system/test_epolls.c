/* test_epolls.c: the epoll descriptors that clients attach for the handles of their events, and the eventfds for those of semaphores.
 *
 * The kernel charges the contents of an epoll descriptor to the user who made it, and an eventfd to its maker's control group, so the broker makes none
 * for uids that it does not trust; and a client can attach anything: no epoll descriptor, one in use for something else, one that contains itself, one
 * whose lock its owner keeps. */
#define _GNU_SOURCE

#include "guest.h"

#include "tests/support/fuse_silent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    INVALID = PORTD__V1__CODE__CODE_INVALID,
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    UNSUPPORTED = PORTD__V1__CODE__CODE_UNSUPPORTED,
    MISMATCH = PORTD__V1__CODE__CODE_MISMATCH,
    STRANGER = 2001,
    WATCHES = 200,
    EVENTS = 4,
    WAYS = 510 /* the kernel's limit is 500 */
};

/* The code; *handle is what came, which is the case's, or -1. attached: -1: nothing. */
static int ask_form(struct raw *raw, uint64_t id, int attached, int *handle, int *form) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle message = PORTD__V1__HANDLE__INIT;

    message.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &message;
    raw_reply *reply = raw_ask_fds(raw, &request, &attached, attached != -1);
    *form = reply && reply->handle ? (int)reply->handle->form : 0;
    *handle = raw->n_fds == 1 ? raw->fds[0] : -1;
    if (raw->n_fds != 1)
        raw_close_fds(raw);
    raw->n_fds = 0;
    return raw_code(reply);
}

static int ask(struct raw *raw, uint64_t id, int attached, int *handle) {
    int form;
    return ask_form(raw, id, attached, handle, &form);
}

/* What must be refused; nothing comes. */
static int ask_refused(struct raw *raw, uint64_t id, int attached) {
    int handle, code = ask(raw, id, attached, &handle);

    if (handle != -1)
        (void)close(handle);
    return handle == -1 ? code : -1;
}

static int take_form(struct raw *raw, uint64_t id, int attached, int expected) {
    int handle, form;

    assert_int_equal(ask_form(raw, id, attached, &handle, &form), 0);
    assert_int_equal(form, expected);
    return fixture_own(handle);
}

/* What must be given: of an event, and of a semaphore. */
static int take(struct raw *raw, uint64_t id, int attached) {
    return take_form(raw, id, attached, PORTD__V1__HANDLE_OF__FORM__FORM_EPOLL);
}

static int take_counter(struct raw *raw, uint64_t id, int attached) {
    return take_form(raw, id, attached, PORTD__V1__HANDLE_OF__FORM__FORM_EVENTFD);
}

static int make_counter(int flags) { return fixture_own(eventfd(0, flags | EFD_CLOEXEC)); }

static int make_epoll(void) { return fixture_own(epoll_create1(EPOLL_CLOEXEC)); }

static int add(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? errno : 0;
}

static bool is_ready(int fd) {
    struct pollfd look = {.fd = fd, .events = POLLIN};

    assert_in_range(poll(&look, 1, 0), 0, 1);
    return look.revents & POLLIN;
}

static bool is_same(pid_t a, int of_a, pid_t b, int of_b) {
    return syscall(SYS_kcmp, a, b, KCMP_FILE, (unsigned long)of_a, (unsigned long)of_b) == 0;
}

/* How many descriptors with that link the broker has, and how many of them are that one of this process (-1: none). */
static size_t count_linked(const struct fixture *broker, const char *expected, int own, size_t *same) {
    char path[320], link[64];
    const struct dirent *entry;
    size_t n = 0;

    *same = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)broker->pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while ((entry = readdir(folder))) {
        (void)snprintf(path, sizeof path, "/proc/%d/fd/%s", (int)broker->pid, entry->d_name);
        ssize_t length = readlink(path, link, sizeof link - 1);
        link[length < 0 ? 0 : length] = 0;
        if (strcmp(link, expected) != 0)
            continue;
        n++;
        *same += own != -1 && is_same(broker->pid, (int)strtol(entry->d_name, NULL, 10), getpid(), own);
    }
    (void)closedir(folder);
    return n;
}

static size_t count_epolls(const struct fixture *broker, int own, size_t *same) {
    return count_linked(broker, "anon_inode:[eventpoll]", own, same);
}

static size_t count_counters(const struct fixture *broker, int own, size_t *same) {
    return count_linked(broker, "anon_inode:[eventfd]", own, same);
}

static void put(int fd) { assert_int_equal(write(fd, "x", 1), 1); }

static void drain(int fd) {
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
}

/* The kernel tells the broker who connects by the effective user. */
static void open_as(struct raw *raw, const struct fixture *broker, uid_t uid) {
    assert_int_equal(seteuid(uid), 0);
    int code = raw_open(raw, broker->address);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(code, 0);
    fixture_own(raw->fd);
}

static const char *const open_to_all[] = {"--mode", "0666", NULL};

/* ---- who makes it ---------------------------------------------------------------------------------------------------- */

static void start_with_stranger(struct fixture *broker, struct raw *own, struct raw *stranger, int ends[2]) {
    if (geteuid() != 0)
        test_skip("needs to become another user");
    fixture_start(broker, open_to_all);
    guest_open_at(own, broker->address);
    guest_pipe(ends);
    open_as(stranger, broker, STRANGER);
}

static void a_stranger_has_to_make_it(void **state) {
    static struct fixture broker;
    struct raw raw, own;
    int ends[2], epoll = make_epoll(), other = make_epoll();
    size_t same, before;

    (void)state;
    start_with_stranger(&broker, &own, &raw, ends);
    uint64_t event = guest_evt(&raw, ends[0], 5);
    before = count_epolls(&broker, -1, &same);
    assert_int_equal(ask_refused(&raw, event, -1), MISMATCH);
    assert_int_equal(count_epolls(&broker, -1, &same), before);
    int handle = take(&raw, event, epoll);
    assert_true(is_same(getpid(), handle, getpid(), epoll));
    assert_int_equal(count_epolls(&broker, epoll, &same), before + 1);
    assert_int_equal(same, 1);
    /* It is there: none is needed, and another one is not used. */
    assert_true(is_same(getpid(), take(&raw, event, -1), getpid(), epoll));
    assert_true(is_same(getpid(), take(&raw, event, other), getpid(), epoll));
    guest_until_closed(&own); /* admins alone are told of it */
    guest_close(&own);
    assert_int_equal(count_epolls(&broker, other, &same), before + 1);
    assert_int_equal(same, 0);
    assert_false(is_ready(epoll));
    put(ends[1]);
    assert_true(is_ready(epoll));
    assert_false(is_ready(other));
    guest_close(&raw);
    fixture_until_fds(
        &broker,
        1); /* the eventfd that makes the user's handles ready for ever, also those that the user still has */
    assert_true(is_ready(epoll));
    drain(ends[0]);
    assert_true(is_ready(epoll));
    open_as(&raw, &broker, STRANGER);
    (void)take(&raw, guest_evt(&raw, ends[0], 5), other);
    guest_close(&raw);
    fixture_until_fds(&broker, 1); /* the same for the next ones */
}

static void a_stranger_makes_that_of_a_semaphore(void **state) {
    static struct fixture broker;
    struct raw raw, own;
    int ends[2], counter = make_counter(EFD_SEMAPHORE | EFD_NONBLOCK), other = make_counter(EFD_NONBLOCK);
    size_t same, before;

    (void)state;
    start_with_stranger(&broker, &own, &raw, ends);
    uint64_t semaphore = guest_semaphore(&raw, ends[0], 5);
    before = count_counters(&broker, -1, &same);
    int handle = take_counter(&raw, semaphore, counter);
    assert_true(is_same(getpid(), handle, getpid(), counter));
    assert_int_equal(count_counters(&broker, counter, &same), before + 1);
    assert_int_equal(same, 1);
    /* It is there: none is needed, and another one is not used. */
    assert_true(is_same(getpid(), take_counter(&raw, semaphore, -1), getpid(), counter));
    assert_true(is_same(getpid(), take_counter(&raw, semaphore, other), getpid(), counter));
    guest_until_closed(&own); /* admins alone are told of it */
    guest_close(&own);
    assert_false(is_ready(counter));
    put(ends[1]);
    assert_true(fixture_poll(counter, POLLIN) & POLLIN);
    assert_false(is_ready(other));
    /* One that has fired is made ready before the answer. */
    semaphore = guest_semaphore(&raw, ends[0], 6);
    assert_true(is_ready(take_counter(&raw, semaphore, other)));
    guest_close(&raw);
    fixture_until_fds(&broker, 0);
    assert_true(is_ready(counter));
    assert_true(is_ready(other));
}

/* The kernel counts the paths through epolls to what lies in several handles: a user who uses them up blocks no other. */
static void one_in_too_many_epolls(void **state) {
    static struct fixture broker;
    struct raw raw, other;
    int ends[2], epoll = make_epoll(), around = make_epoll(), of_other = make_epoll(), error = 0;

    (void)state;
    if (geteuid() != 0)
        test_skip("needs to become another user");
    fixture_start(&broker, open_to_all);
    guest_pipe(ends);
    open_as(&raw, &broker, STRANGER);
    open_as(&other, &broker, STRANGER + 1);
    (void)take(&raw, guest_evt(&raw, ends[0], 5), epoll);
    for (int i = 0; i < WAYS && !error; i++)
        error = add(around, fixture_own(dup(epoll)));
    assert_int_equal(error, EINVAL);
    guest_pipe(ends);
    (void)take(&other, guest_evt(&other, ends[0], 5), of_other);
    assert_int_equal(add(make_epoll(), of_other), 0);
    guest_close(&raw);
    guest_close(&other);
    fixture_until_fds(&broker, 2);
}

static void the_broker_makes_those_of_its_own_user(void **state) {
    struct raw raw;
    int ends[2];
    size_t same, before;

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t event = guest_evt(&raw, ends[0], 5);
    before = count_epolls(fixture_broker(), -1, &same);
    int handle = take(&raw, event, -1);
    assert_int_equal(count_epolls(fixture_broker(), handle, &same), before + 1);
    assert_int_equal(same, 1);
    assert_false(is_ready(handle));
    put(ends[1]);
    assert_true(is_ready(handle));
    drain(ends[0]);
    assert_int_equal(raw_remove(&raw, event), 0);
    assert_true(is_ready(handle));
}

static void the_broker_makes_that_of_a_semaphore_of_its_own_user(void **state) {
    struct raw raw;
    int ends[2], counter = make_counter(EFD_SEMAPHORE | EFD_NONBLOCK);
    size_t same, before;

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    before = count_counters(fixture_broker(), -1, &same);
    int handle = take_counter(&raw, guest_semaphore(&raw, ends[0], 5), -1);
    assert_int_equal(count_counters(fixture_broker(), handle, &same), before + 1);
    assert_int_equal(same, 1);
    int attached = take_counter(&raw, guest_semaphore(&raw, ends[0], 6), counter);
    assert_true(is_same(getpid(), attached, getpid(), counter));
    assert_false(is_ready(handle));
    assert_false(is_ready(counter));
    put(ends[1]);
    assert_true(fixture_poll(handle, POLLIN) & POLLIN);
    assert_true(fixture_poll(counter, POLLIN) & POLLIN);
}

/* ---- what is no epoll, or none for this ------------------------------------------------------------------------------- */

static void only_what_fits_is_taken(void **state) {
    struct raw raw;
    int ends[2], counter = make_counter(EFD_SEMAPHORE | EFD_NONBLOCK), epoll = make_epoll(),
                 timer = fixture_own(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t event = guest_evt(&raw, ends[0], 5), semaphore = guest_semaphore(&raw, ends[0], 5);
    assert_int_equal(ask_refused(&raw, event, ends[0]), INVALID);
    assert_int_equal(ask_refused(&raw, event, counter), INVALID);
    assert_int_equal(ask_refused(&raw, semaphore, epoll), INVALID);
    assert_int_equal(ask_refused(&raw, semaphore, timer), INVALID);
    assert_int_equal(ask_refused(&raw, semaphore, ends[1]), INVALID); /* a write to it acts */
    assert_int_equal(ask_refused(&raw, semaphore, raw.fd), INVALID);  /* the broker's own connection */
    guest_until_closed(&raw);
    fixture_until_fds(fixture_broker(), 2);
    int handle = take_counter(&raw, semaphore, counter);
    put(ends[1]);
    assert_true(fixture_poll(handle, POLLIN) & POLLIN);
    assert_false(is_ready(epoll));
    assert_true(is_ready(take(&raw, event, epoll)));
    fixture_until_fds(fixture_broker(), 2 + 1 + 2);
}

static void one_is_taken_at_a_time(void **state) {
    struct raw raw;
    int ends[2], counters[] = {make_counter(EFD_SEMAPHORE), make_counter(EFD_SEMAPHORE)};
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle message = PORTD__V1__HANDLE__INIT;

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    message.id = guest_semaphore(&raw, ends[0], 5);
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &message;
    assert_int_equal(raw_code(raw_ask_fds(&raw, &request, counters, 2)), MISMATCH);
    assert_int_equal(raw.n_fds, 0);
    guest_until_closed(&raw);
    fixture_until_fds(fixture_broker(), 2);
}

/* One that blocks is not taken. Of one that blocks later nobody else notices, and the broker changes none of its flags. */
static void a_counter_may_be_full_and_block(void **state) {
    static const uint64_t counts[] = {0, 1, UINT64_MAX - 1};
    static const int flags[] = {EFD_NONBLOCK, EFD_SEMAPHORE | EFD_NONBLOCK, EFD_SEMAPHORE};
    static struct fixture broker;
    struct raw raw, other;
    int ends[2];

    (void)state;
    if (geteuid() != 0)
        test_skip("needs to become another user");
    fixture_start(&broker, open_to_all);
    guest_pipe(ends);
    open_as(&raw, &broker, STRANGER);
    open_as(&other, &broker, STRANGER + 1);
    for (size_t i = 0; i < 9; i++) {
        int counter = make_counter(flags[i % 3]), shared = fcntl(counter, F_GETFL);
        assert_int_equal(eventfd_write(counter, counts[i / 3]), 0);
        uint64_t semaphore = guest_semaphore(&raw, ends[0], (int64_t)i);
        if (!(shared & O_NONBLOCK)) {
            assert_int_equal(ask_refused(&raw, semaphore, counter), INVALID);
            assert_int_equal(fcntl(counter, F_SETFL, shared | O_NONBLOCK), 0);
        }
        (void)take_counter(&raw, semaphore, counter);
        assert_int_equal(fcntl(counter, F_SETFL, shared), 0); /* it may block again */
        assert_int_equal(raw_remove(&raw, semaphore), 0);
        assert_true(fixture_poll(counter, POLLIN) & POLLIN);
        guest_is_served(&other);
        assert_int_equal(fcntl(counter, F_GETFL), shared);
    }
    guest_close(&raw);
    guest_close(&other);
    fixture_until_fds(&broker, 0);
}

static void each_is_the_handle_of_one_event(void **state) {
    struct raw raw;
    int ends[2], epoll = make_epoll();

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t first = guest_evt(&raw, ends[0], 5), second = guest_evt(&raw, ends[0], 6);
    (void)take(&raw, first, epoll);
    fixture_until_fds(fixture_broker(), 1 + 2 + 2);
    assert_int_equal(ask_refused(&raw, second, epoll), INVALID);
    fixture_until_fds(fixture_broker(), 1 + 2 + 2);
    assert_false(is_ready(epoll));
    put(ends[1]);
    assert_true(is_ready(epoll));
    drain(ends[0]);
    assert_false(is_ready(epoll));
    int other = take(&raw, second, make_epoll());
    assert_int_equal(raw_remove(&raw, second), 0);
    assert_true(is_ready(other));
    assert_false(is_ready(epoll));
}

/* It can be used for another event when it was refused for one. */
static void what_leads_back_to_itself_is_refused(void **state) {
    struct raw raw;
    int ends[2], epoll = make_epoll(), around = make_epoll();

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    assert_int_equal(add(around, epoll), 0);
    uint64_t itself = guest_evt(&raw, epoll, 5), outer = guest_evt(&raw, around, 6),
             plain = guest_evt(&raw, ends[0], 7);
    assert_int_equal(ask_refused(&raw, itself, epoll), INVALID);
    assert_int_equal(ask_refused(&raw, outer, epoll), UNSUPPORTED);
    guest_until_closed(&raw);
    int handle = take(&raw, plain, epoll);
    assert_false(is_ready(around));
    put(ends[1]);
    assert_true(is_ready(handle));
    assert_true(is_ready(around));
    drain(ends[0]);
    assert_int_equal(raw_remove(&raw, plain), 0);
    assert_true(is_ready(handle));
    assert_true(is_ready(around)); /* one that lies in another makes that one ready, too */
}

/* ---- what else may be in it ------------------------------------------------------------------------------------------- */

static void it_may_hold_much_else(void **state) {
    int counters[WATCHES];
    struct raw raw;
    int ends[2], epoll = make_epoll();

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    assert_int_equal(add(epoll, raw.fd), 0); /* its end of the connection among it */
    struct epoll_event off = {0};
    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_MOD, raw.fd, &off), 0);
    counters[0] = fixture_own(eventfd(0, EFD_CLOEXEC));
    assert_int_equal(add(epoll, counters[0]), 0);
    for (int i = 1; i < WATCHES; i++) {
        counters[i] = fixture_own(dup(counters[0]));
        assert_int_equal(add(epoll, counters[i]), 0);
    }
    uint64_t event = guest_evt(&raw, ends[0], 5);
    int handle = take(&raw, event, epoll);
    assert_false(is_ready(handle));
    put(ends[1]);
    assert_true(is_ready(handle));
    drain(ends[0]);
    assert_false(is_ready(handle));
    assert_int_equal(eventfd_write(counters[0], 1), 0);
    assert_true(is_ready(handle)); /* whatever its owner puts into it */
    eventfd_t count;
    assert_int_equal(eventfd_read(counters[0], &count), 0);
    assert_int_equal(raw_remove(&raw, event), 0);
    assert_true(is_ready(handle));
}

enum { KEPT_TARGET = 700, KEPT_EPOLL };

struct taking_out {
    int target, epoll, number;
};

static int take_out(void *data) {
    const struct taking_out *what = data;

    if (dup2(what->target, KEPT_TARGET) < 0 || dup2(what->epoll, KEPT_EPOLL) < 0 ||
        dup2(KEPT_TARGET, what->number) < 0)
        return 1;
    return epoll_ctl(KEPT_EPOLL, EPOLL_CTL_DEL, what->number, NULL) < 0 ? 2 : 0;
}

/* The kernel knows what is in it by number and open file: a client that has what it follows can take that out, but not what ends it. */
static void its_owner_can_take_out_the_descriptor_only(void **state) {
    struct raw raw;
    int ends[2], number = 0;

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    uint64_t event = guest_evt(&raw, ends[0], 5);
    int handle = take(&raw, event, make_epoll());
    while (!is_same(fixture_broker()->pid, number, getpid(), ends[0]) && number < KEPT_TARGET)
        number++;
    struct taking_out what = {ends[0], handle, number};
    assert_int_equal(fixture_reap(fixture_fork(take_out, &what)), 0);
    put(ends[1]);
    assert_false(is_ready(handle));
    assert_int_equal(raw_remove(&raw, event), 0);
    assert_true(is_ready(handle));
}

/* ---- whose lock is kept ----------------------------------------------------------------------------------------------- */

static struct fuse_silent fuse;

static int hold(void *data) { return !fuse_silent_keep_lock(&fuse, *(int *)data); }

static void end_hold(pid_t holder) {
    fuse_silent_end(&fuse);
    (void)close(fuse.fd);
    assert_int_equal(fixture_reap(holder), 0);
}

/* Not asserted at once: the server has to be ended first. */
struct answers {
    int first, second, without, removed, other, sent, ping;
};

static int send_remove(const struct raw *raw, uint64_t id, uint64_t event) {
    Portd__V1__Remove remove = PORTD__V1__REMOVE__INIT;
    raw_request request = PORTD__V1__REQUEST__INIT;

    remove.id = event;
    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_REMOVE;
    request.remove = &remove;
    return raw_send_request(raw, &request, NULL, 0);
}

static struct answers ask_held(struct raw *raw, struct raw *other, const uint64_t events[EVENTS],
                               const int epolls[2], uint64_t *removing) {
    struct answers answers;
    int handle = -1;

    answers.first = ask_refused(raw, events[0], epolls[0]);
    answers.second = ask_refused(raw, events[1], epolls[1]);
    answers.without = ask(raw, events[3], -1, &handle);
    (void)close(handle);
    *removing = ++raw->id;
    answers.sent = send_remove(raw, *removing, events[0]);
    answers.removed = raw_remove(raw, events[1]); /* throws away what is answered before it */
    answers.other = ask(other, events[2], epolls[1], &handle);
    (void)close(handle);
    answers.ping = raw_ping(raw);
    return answers;
}

/* It costs its owner a thread; other users, and the owner's other requests, are served. */
static void one_whose_lock_is_kept(void **state) {
    static struct fixture broker;
    static int held;
    struct raw raw, other;
    struct answers answers = {0};
    uint64_t events[EVENTS], removing = 0;
    int ends[2];

    (void)state;
    if (geteuid() != 0)
        test_skip("needs to become another user");
    fixture_start(&broker, open_to_all);
    guest_pipe(ends);
    int ready = fixture_own(eventfd(1, EFD_CLOEXEC)), epolls[2] = {make_epoll(), make_epoll()};
    held = epolls[0];
    assert_int_equal(add(held, ready), 0);
    open_as(&raw, &broker, STRANGER);
    open_as(&other, &broker, STRANGER + 1);
    for (int i = 0; i < EVENTS; i++)
        events[i] = guest_evt(i == 2 ? &other : &raw, ends[0], i);
    int of_third, form;
    assert_int_equal(ask_form(&raw, events[3], make_epoll(), &of_third, &form), 0);
    fixture_own(of_third);
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    pid_t holder = fixture_fork(hold, &held);
    bool kept = fuse_silent_await(&fuse);
    if (kept)
        answers = ask_held(&raw, &other, events, epolls, &removing);
    end_hold(holder);
    assert_true(kept);
    assert_int_equal(answers.first, LIMIT);
    assert_int_equal(answers.second, LIMIT); /* at once: it would only wait for the first */
    assert_int_equal(answers.without, 0);    /* that was made before */
    assert_int_equal(answers.removed, 0);
    assert_int_equal(answers.other, 0);
    assert_int_equal(answers.sent, 0);
    assert_int_equal(answers.ping, 0);
    guest_is_told(&raw, removing, 0); /* of what it was to follow, when the worker was back */
    guest_close(&raw);
    guest_close(&other);
    fixture_until_fds(&broker, 2);
}

/* The session ends while the worker waits. */
static void one_whose_session_ends(void **state) {
    static int held;
    struct raw raw, other;
    int ends[2], code = -1;

    (void)state;
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    guest_pipe(ends);
    int ready = fixture_own(eventfd(1, EFD_CLOEXEC));
    held = make_epoll();
    assert_int_equal(add(held, ready), 0);
    guest_open(&raw);
    guest_open(&other);
    uint64_t event = guest_evt(&raw, ends[0], 5);
    pid_t holder = fixture_fork(hold, &held);
    bool kept = fuse_silent_await(&fuse);
    if (kept) {
        code = ask_refused(&raw, event, held);
        (void)close(fixture_disown(raw.fd));
        guest_is_served(&other);
    }
    end_hold(holder);
    assert_true(kept);
    assert_int_equal(code, LIMIT);
    fixture_until_fds(fixture_broker(), 1);
}

static int send_handle(struct raw *raw, uint64_t event, int attached) {
    Portd__V1__Handle message = PORTD__V1__HANDLE__INIT;
    raw_request request = PORTD__V1__REQUEST__INIT;

    message.id = event;
    request.id = ++raw->id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &message;
    return raw_send_request(raw, &request, &attached, 1);
}

/* Its first thread is gone; those that the kernel holds up are not. */
static bool has_ended(void *data) {
    const struct fixture *broker = data;
    char process = fixture_process_state(broker->pid);
    return process == 0 || process == 'Z';
}

/* The broker ends while a worker waits, and other requests of the same uid wait for that worker. */
static void one_whose_broker_ends(void **state) {
    static struct fixture broker;
    static int held;
    struct raw raw;
    uint64_t events[EVENTS];
    int ends[2], sent = 0;

    (void)state;
    (void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* looking for leaks waits for every thread */
    (void)setenv("TSAN_OPTIONS", "exitcode=0",
                 1); /* at the end it closes what the thread left behind is using */
    fixture_start(&broker, NULL);
    (void)unsetenv("ASAN_OPTIONS");
    (void)unsetenv("TSAN_OPTIONS");
    if (!fuse_silent_open(&fuse))
        test_skip("there is no FUSE here");
    guest_pipe(ends);
    int ready = fixture_own(eventfd(1, EFD_CLOEXEC)), nested = make_epoll();
    held = make_epoll();
    assert_int_equal(add(held, ready), 0);
    guest_open_at(&raw, broker.address);
    for (int i = 0; i < EVENTS; i++)
        events[i] = guest_evt(&raw, i == 2 ? nested : ends[0], i);
    pid_t holder = fixture_fork(hold, &held);
    bool kept = fuse_silent_await(&fuse);
    for (int i = 0; kept && i < EVENTS; i++)
        sent += send_handle(&raw, events[i], i == 0 ? held : make_epoll());
    bool served = kept && raw_ping(&raw) == 0;
    (void)kill(broker.pid, SIGTERM);
    bool ended = kept && fixture_until(has_ended, &broker);
    end_hold(holder);
    fixture_stop(&broker);
    assert_true(kept);
    assert_int_equal(sent, 0);
    assert_true(served);
    assert_true(ended);
}

TEST_MAIN(FIXTURE_CASE_BARE(a_stranger_has_to_make_it), FIXTURE_CASE_BARE(one_in_too_many_epolls),
          FIXTURE_CASE_BARE(a_stranger_makes_that_of_a_semaphore),
          FIXTURE_CASE(the_broker_makes_those_of_its_own_user),
          FIXTURE_CASE(the_broker_makes_that_of_a_semaphore_of_its_own_user),
          FIXTURE_CASE(only_what_fits_is_taken), FIXTURE_CASE(one_is_taken_at_a_time),
          FIXTURE_CASE_BARE(a_counter_may_be_full_and_block), FIXTURE_CASE(each_is_the_handle_of_one_event),
          FIXTURE_CASE(what_leads_back_to_itself_is_refused), FIXTURE_CASE(it_may_hold_much_else),
          FIXTURE_CASE(its_owner_can_take_out_the_descriptor_only), FIXTURE_CASE_BARE(one_whose_lock_is_kept),
          FIXTURE_CASE(one_whose_session_ends), FIXTURE_CASE_BARE(one_whose_broker_ends))
