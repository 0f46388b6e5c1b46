/* test_random.c: long random walks over all calls, against a model that knows the rules and gets the rest from poll(2).
 *
 * A walk uses a few numbers, each with a pipe or a Unix socket (whose states change in the call that changes them) whose other
 * end is here, or with an epoll descriptor that contains one of these (and so has a poller thread). Its steps come from a fixed
 * seed: move bytes, shut down, close the other end, put another file under the number, register, check, remove, release, ask for
 * handles, start waits, cancel them, as one of several clients of one session. After each step everything that the rules say must
 * hold: which semaphores have fired and why, which objects are registered, which waits are answered. */
#include "ask.h"
#include "descriptors.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { NUMBERS = 6, OBJECTS = 400, WAITS = 12, TARGETS = 4, CLIENTS = 3, STEPS = 600 };

struct object {
    portd_id id;
    int number; /* index */
    int direction;
    bool semaphore;
    int ended; /* cause */
    bool released;
    int handle; /* -1: none */
};

struct waiting {
    struct inflight *inflight; /* NULL: free */
    size_t targets[TARGETS];
    size_t n;
    bool all;
};

struct walk {
    uint64_t random;
    portd_client *clients[CLIENTS];
    int fd[NUMBERS], other[NUMBERS];         /* other: -1 when closed */
    bool changed[NUMBERS];                   /* another file than what the broker has */
    int kept[NUMBERS];                       /* that file, so that its state is still known */
    int inner[NUMBERS], kept_inner[NUMBERS]; /* what lies in it, if it is an epoll descriptor; else -1 */
    struct object objects[OBJECTS];
    size_t n;
    struct waiting waits[WAITS];
};

static size_t draw(struct walk *walk, size_t below) {
    walk->random = walk->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(walk->random >> 33) % below;
}

static portd_client *any_client(struct walk *walk) { return walk->clients[draw(walk, CLIENTS)]; }

/* ---- the model ---------------------------------------------------------------------------------------------------- */

/* Why the file would be ready for that direction now. */
static int level(int fd, int direction) {
    struct pollfd one = {.fd = fd, .events = direction == READ ? POLLIN | POLLRDHUP : POLLOUT};

    assert_true(poll(&one, 1, 0) >= 0);
    return one.revents & POLLERR     ? ERROR
           : one.revents & POLLHUP   ? HANG_UP
           : one.revents & POLLRDHUP ? HALF_CLOSE
           : one.revents             ? READY
                                     : IDLE;
}

static int cause_of(const struct walk *walk, const struct object *object) {
    if (object->ended)
        return object->ended;
    return level(walk->kept[object->number], object->direction);
}

static struct object *registered(struct walk *walk, int number, int direction, bool semaphore) {
    for (size_t i = 0; i < walk->n; i++) {
        struct object *object = &walk->objects[i];
        if (!object->ended && object->number == number && object->direction == direction &&
            object->semaphore == semaphore)
            return object;
    }
    return NULL;
}

static bool is_referred(struct walk *walk, int number) {
    for (size_t i = 0; i < walk->n; i++)
        if (!walk->objects[i].ended && walk->objects[i].number == number)
            return true;
    return false;
}

static void end_all(struct walk *walk, int number, bool semaphores, bool evts, int cause) {
    for (size_t i = 0; i < walk->n; i++) {
        struct object *object = &walk->objects[i];
        if (!object->ended && object->number == number && (object->semaphore ? semaphores : evts))
            object->ended = cause;
    }
}

/* What is given back and has ended is no object any more. */
static bool is_gone(const struct object *object) { return object->released && object->ended; }

/* ---- what must be so after a step --------------------------------------------------------------------------------- */

/* It fires in the look of this wait, unless the engine was first: then it is no object already. */
static void settle_released(struct walk *walk, const struct object *object, int cause) {
    portd_ready ready;
    int told = portd_wait(any_client(walk), &object->id, 1, 0, fixture_soon(), &ready);

    assert_true(told == PORTD_E_NOT_FOUND || (told == 1 && ready.cause == cause));
}

/* What became ready fires; everybody is told the same cause. */
static void settle_semaphores(struct walk *walk) {
    for (size_t i = 0; i < walk->n; i++) {
        struct object *object = &walk->objects[i];
        int cause = object->ended || !object->semaphore ? IDLE : cause_of(walk, object);
        if (!cause)
            continue;
        if (object->released)
            settle_released(walk, object, cause);
        else
            assert_int_equal(ask_until(any_client(walk), object->id), cause);
        object->ended = cause;
    }
}

static bool is_satisfied(const struct walk *walk, const struct waiting *wait) {
    size_t ready = 0;

    for (size_t i = 0; i < wait->n; i++)
        ready += cause_of(walk, &walk->objects[wait->targets[i]]) != IDLE;
    return wait->all ? ready == wait->n : ready > 0;
}

static void settle_waits(struct walk *walk) {
    for (size_t w = 0; w < WAITS; w++) {
        struct waiting *wait = &walk->waits[w];
        if (!wait->inflight)
            continue;
        if (!is_satisfied(walk, wait)) {
            assert_true(ask_still_inflight(wait->inflight));
            continue;
        }
        int n = ask_answer(wait->inflight);
        assert_true(n > 0 && n <= (int)wait->n);
        if (wait->all)
            assert_int_equal(n, wait->n);
        wait->inflight = NULL;
    }
}

static void check_objects(struct walk *walk) {
    for (size_t i = 0; i < walk->n; i++) {
        struct object *object = &walk->objects[i];
        if (object->handle >= 0)
            assert_int_equal(ask_handle_ready(object->handle), cause_of(walk, object) != IDLE);
        if (!is_gone(object) && draw(walk, 4) == 0)
            assert_cause(any_client(walk), object->id, cause_of(walk, object));
    }
}

/* ---- steps -------------------------------------------------------------------------------------------------------- */

/* In its place comes an epoll descriptor that is readable when it is. */
static void put_into_epoll(int *fd) {
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));

    assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, *fd, &event), 0);
    fixture_close(*fd); /* there is a dup, which keeps it in there */
    *fd = epoll;
}

static void make_number(struct walk *walk, int number, bool again) {
    int ends[2], kind = (int)draw(walk, 6), end = (int)draw(walk, 2);
    bool epoll = kind > 3;

    kind = epoll ? kind - 4 : kind;
    if (kind == 0)
        make_pipe(ends);
    else if (kind == 1)
        make_pair(SOCK_DGRAM, ends);
    else
        make_pair(kind == 2 ? SOCK_STREAM : SOCK_SEQPACKET, ends);
    walk->inner[number] = epoll ? make_dup(ends[end]) : -1;
    if (epoll)
        put_into_epoll(&ends[end]);
    if (again) {
        make_at(ends[end], walk->fd[number]);
        if (walk->other[number] >= 0)
            fixture_close(walk->other[number]);
    } else {
        walk->fd[number] = fixture_own(fcntl(ends[end], F_DUPFD_CLOEXEC, 0));
        walk->kept[number] = make_dup(ends[end]);
        walk->kept_inner[number] = walk->inner[number];
    }
    fixture_close(ends[end]);
    walk->other[number] = ends[1 - end];
    walk->changed[number] = again;
}

/* The broker gets the file that the number has now. */
static void attach(struct walk *walk, int number) {
    if (!walk->changed[number])
        return;
    end_all(walk, number, true, true, REPLACED);
    fixture_close(walk->kept[number]);
    walk->kept[number] = make_dup(walk->fd[number]);
    walk->kept_inner[number] = walk->inner[number];
    walk->changed[number] = false;
}

static void step_register(struct walk *walk, int number) {
    int direction = draw(walk, 2) ? READ : WRITE;
    bool semaphore = draw(walk, 2), replaced = walk->changed[number] && is_referred(walk, number);
    portd_client *c = any_client(walk);

    attach(walk, number);
    const struct object *old = registered(walk, number, direction, semaphore);
    portd_id id =
        semaphore ? ask_semaphore(c, walk->fd[number], direction) : ask_evt(c, walk->fd[number], direction);
    assert_int_equal(portd_last_flags(c),
                     (old ? 0 : PORTD_RESULT_CREATED) | (replaced ? PORTD_RESULT_REPLACED : 0));
    if (old) {
        assert_same(id, old->id);
        return;
    }
    assert_true(walk->n < OBJECTS);
    walk->objects[walk->n++] = (struct object){
        .id = id, .number = number, .direction = direction, .semaphore = semaphore, .handle = -1};
}

static void step_check(struct walk *walk, int number) {
    int direction = draw(walk, 2) ? READ : WRITE, mode = direction == READ ? CHECK_READ : CHECK_WRITE;
    bool semaphore = draw(walk, 2);
    const struct object *old = registered(walk, number, direction, semaphore);
    portd_client *c = any_client(walk);
    portd_id id = semaphore ? ask_semaphore(c, walk->fd[number], mode) : ask_evt(c, walk->fd[number], mode);

    assert_true(id == (old ? old->id : 0));
}

static void step_remove(struct walk *walk, int number) {
    bool semaphores = draw(walk, 2);

    if (semaphores)
        ask_no_semaphores(any_client(walk), walk->fd[number]);
    else
        ask_no_evts(any_client(walk), walk->fd[number]);
    end_all(walk, number, semaphores, !semaphores, REMOVED);
}

static void step_bytes(struct walk *walk, int number) {
    bool own = draw(walk, 2);
    int fd = !own                            ? walk->other[number]
             : walk->kept_inner[number] >= 0 ? walk->kept_inner[number]
                                             : walk->kept[number];
    char byte = 'x';

    if (fd < 0)
        return;
    /* The wrong end of a pipe, or a broken one, refuses; that is fine. */
    switch (draw(walk, 4)) {
    case 0:
        (void)!write(fd, &byte, 1);
        break;
    case 1:
        for (int i = 0; i < 4096 && write(fd, walk, 4096) > 0; i++) {
        }
        break;
    default:
        for (char bytes[4096]; read(fd, bytes, sizeof(bytes)) > 0;) {
        }
    }
}

static void step_end(struct walk *walk, int number) {
    if (walk->other[number] < 0)
        return;
    if (draw(walk, 2)) {
        (void)shutdown(walk->other[number], SHUT_WR); /* a pipe refuses */
        return;
    }
    fixture_close(walk->other[number]);
    walk->other[number] = -1;
}

static void step_object(struct walk *walk) {
    struct object *object = walk->n ? &walk->objects[draw(walk, walk->n)] : NULL;
    portd_client *c = any_client(walk);

    if (!object || object->released)
        return;
    if (draw(walk, 2)) {
        if (object->handle < 0)
            object->handle = ask_handle(c, object->id);
        return;
    }
    assert_int_equal(portd_release(c, &object->id, 1, fixture_soon()), 1);
    object->released = true;
}

static void step_park(struct walk *walk) {
    struct waiting *wait = &walk->waits[draw(walk, WAITS)];
    portd_id ids[TARGETS];

    if (wait->inflight) {
        portd_cancel(wait->inflight->request);
        assert_int_equal(ask_answer(wait->inflight), PORTD_E_CANCELLED);
        wait->inflight = NULL;
        return;
    }
    wait->n = 0;
    for (size_t tries = 0, most = 1 + draw(walk, TARGETS); walk->n && tries < 20 && wait->n < most; tries++) {
        size_t target = walk->n - 1 - draw(walk, walk->n < 30 ? walk->n : 30);
        if (is_gone(&walk->objects[target]))
            continue;
        ids[wait->n] = walk->objects[target].id;
        wait->targets[wait->n++] = target;
    }
    wait->all = draw(walk, 2);
    if (wait->n)
        wait->inflight = ask_park(any_client(walk), ids, wait->n, wait->all ? PORTD_WAIT_ALL : 0);
}

static void step(struct walk *walk) {
    int number = (int)draw(walk, NUMBERS);
    size_t what = draw(walk, 20);

    if (what < 5)
        step_register(walk, number);
    else if (what < 11)
        step_bytes(walk, number);
    else if (what < 13)
        step_check(walk, number);
    else if (what == 13)
        step_remove(walk, number);
    else if (what == 14)
        step_end(walk, number);
    else if (what == 15 && !walk->changed[number])
        make_number(walk, number, true);
    else if (what == 16)
        step_object(walk);
    else
        step_park(walk);
    settle_semaphores(walk);
    settle_waits(walk);
    check_objects(walk);
}

static void walk_from(uint64_t seed) {
    static struct walk walk;

    (void)signal(SIGPIPE, SIG_IGN);
    walk = (struct walk){.random = seed};
    for (int i = 0; i < CLIENTS; i++)
        walk.clients[i] = i ? fixture_joined(walk.clients[0]) : fixture_client(NULL);
    for (int i = 0; i < NUMBERS; i++)
        make_number(&walk, i, false);
    for (int i = 0; i < STEPS; i++)
        step(&walk);
}

static void walk_1(void **state) {
    (void)state;
    walk_from(1);
}

static void walk_2(void **state) {
    (void)state;
    walk_from(2);
}

static void walk_3(void **state) {
    (void)state;
    walk_from(3);
}

static void walk_4(void **state) {
    (void)state;
    walk_from(4);
}

/* PORTD_WALK=N in the environment: one more, from that seed. */
static void walk_named(void **state) {
    const char *seed = getenv("PORTD_WALK");

    (void)state;
    if (!seed)
        test_skip("PORTD_WALK is not set");
    walk_from(strtoull(seed, NULL, 10));
}

TEST_MAIN(FIXTURE_CASE(walk_1), FIXTURE_CASE(walk_2), FIXTURE_CASE(walk_3), FIXTURE_CASE(walk_4),
          FIXTURE_CASE(walk_named))
