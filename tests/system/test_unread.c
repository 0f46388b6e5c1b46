/* test_unread.c: replies that are ready while their client does not read: each is sent when there is room, with its descriptors. What was sent and
 * is not read is charged to the client's uid until it is read or the client has closed its end. */
#include "guest.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

enum {
    OBJECTS = 200,
    LISTS_MOST = 1000,
    HANDLES = 3,
    QUIET = 30,
    FREE = 32768,     /* of each connection, uncharged; */
    FREE_MANY = 2048, /* if there are many */
    OTHER_UID = 1000,
    CROWD = 400, /* connections of that uid: their queues have room for more than its bytes */
    KNOCKS = 30,
    TOLD = 8, /* refusals that a uid may leave unread, and all uids: */
    TOLD_ALL = 128,
    WAITS = 64,
    SHORT = 4
};

static uint64_t send_list(struct raw *raw) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__List list = PORTD__V1__LIST__INIT;

    request.id = ++raw->id;
    request.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    request.list = &list;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
    return request.id;
}

static void send_handle(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;

    handle.id = id;
    request.id = ++raw->id;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

static void send_dup(struct raw *raw, uint64_t port) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Port dup = PORTD__V1__PORT__INIT;

    dup.id = port;
    request.id = ++raw->id;
    request.method_case = PORTD__V1__REQUEST__METHOD_PORT_DUP;
    request.port_dup = &dup;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

/* How many bytes have come, however long the broker has had for them: another guest was served many times. */
static int bytes_come(const struct raw *raw, struct raw *other, int expected) {
    int n = 0;

    for (int quiet = 0; quiet < QUIET && (n == 0 || n < expected); quiet++) {
        guest_is_served(other);
        assert_int_equal(ioctl(raw->fd, FIONREAD, &n), 0);
    }
    return n;
}

/* Asks for lists until one more does not come to here as a whole: then the kernel's queue is full, and the broker, which has not
 * much left to send, still reads. How many. */
static size_t fill_with_lists(struct raw *raw, struct raw *other) {
    (void)send_list(raw);
    int one = bytes_come(raw, other, 1);
    for (int n = 2; n < LISTS_MOST; n++) {
        (void)send_list(raw);
        if (bytes_come(raw, other, n * one) < n * one)
            return (size_t)n;
    }
    fail_msg("there is always room");
    return 0;
}

static bool has_handle(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Show show = PORTD__V1__SHOW__INIT;

    show.n_ids = 1;
    show.ids = &id;
    request.method_case = PORTD__V1__REQUEST__METHOD_SHOW;
    request.show = &show;
    raw_reply *reply = raw_ask(raw, &request);
    assert_true(reply && reply->show);
    bool has = reply->show->items[0]->handle;
    raw_free(reply);
    return has;
}

struct asked {
    struct raw *raw;
    uint64_t id;
};

static bool handle_is_made(void *data) {
    const struct asked *asked = data;
    return has_handle(asked->raw, asked->id);
}

/* Handles of descriptors that a poller thread watches are answered when a poller thread comes back, whether there is room or not. */
static void handles(void **state) {
    struct raw raw, other;
    struct epoll_event event = {.events = EPOLLIN};
    uint64_t ids[HANDLES], first;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_join(&other, &raw);
    for (int i = 0; i < HANDLES; i++) {
        int epoll = fixture_own(epoll_create1(EPOLL_CLOEXEC));
        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
        ids[i] = guest_evt(&raw, epoll, i);
    }
    for (int i = 0; i < OBJECTS; i++)
        (void)guest_evt(&raw, ends[0], 100 + i);
    size_t lists = fill_with_lists(&raw, &other);
    first = raw.id + 1;
    fixture_hold_broker(); /* it reads all of them before it answers one, since then it stops reading */
    for (int i = 0; i < HANDLES; i++)
        send_handle(&raw, ids[i]);
    fixture_continue_broker();
    for (int i = 0; i < HANDLES; i++)
        assert_true(fixture_until(handle_is_made, &(struct asked){&other, ids[i]}));
    for (size_t i = 0; i < lists + HANDLES; i++) {
        raw_reply *reply = raw_next(&raw, NULL);
        assert_non_null(reply);
        assert_null(reply->error);
        assert_int_equal(reply->id, first - lists + i);
        assert_int_equal(raw.n_fds, i < lists ? 0 : 1);
        raw_close_fds(&raw);
        raw_free(reply);
    }
    guest_is_served(&raw);
}

static int unread(const struct raw *raw) {
    int n = 0;

    assert_int_equal(ioctl(raw->fd, FIONREAD, &n), 0);
    return n;
}

static bool is_all_given_back(void *data) { return guest_quota(data, "bytes", NULL) == 0; }

/* Asks for lists until so much is unread. Returns how many. */
static size_t leave_unread(struct raw *raw, struct raw *other, int bytes) {
    size_t lists = 0;

    for (; unread(raw) < bytes; lists++) {
        int before = unread(raw);
        assert_true(lists < LISTS_MOST);
        (void)send_list(raw);
        (void)bytes_come(raw, other, before + 1);
    }
    return lists;
}

/* Two clients; a list of the first one's objects is long. */
static void open_with_objects(struct raw *raw, struct raw *other, int ends[2]) {
    guest_pipe(ends);
    guest_open(raw);
    guest_open(other);
    for (int i = 0; i < OBJECTS; i++)
        (void)guest_evt(raw, ends[0], 100 + i);
}

static void what_is_unread_is_charged(void **state) {
    struct raw raw, other;
    int ends[2];

    (void)state;
    open_with_objects(&raw, &other, ends);
    assert_true(fixture_until(is_all_given_back, &other)); /* the replies until here were read */
    size_t lists = leave_unread(&raw, &other, 2 * FREE);
    assert_in_range(guest_quota(&other, "bytes", NULL), unread(&raw) - FREE, SIZE_MAX);
    for (size_t i = 0; i < lists; i++)
        raw_free(raw_next(&raw, NULL));
    assert_int_equal(unread(&raw), 0);
    assert_true(fixture_until(is_all_given_back, &other));
    lists = leave_unread(&raw, &other, 2 * FREE);
    guest_close(&raw);
    assert_true(fixture_until(is_all_given_back, &other));
}

static bool is_the_only_session(void *data) { return guest_quota(data, "sessions", NULL) == 1; }

/* A client can leave a reply unread for ever, also after the broker has nothing more to do with it. */
static void what_is_unread_is_charged_after_the_end(void **state) {
    struct raw raw, other;
    int ends[2], n;

    (void)state;
    open_with_objects(&raw, &other, ends);
    for (int i = 0; i < 2; i++) { /* much, which was charged before; and little, which was not */
        size_t lists = i == 0 ? leave_unread(&raw, &other, 2 * FREE) : leave_unread(&raw, &other, 1);
        n = unread(&raw);
        assert_int_equal(shutdown(raw.fd, SHUT_WR), 0);
        assert_true(fixture_until(is_the_only_session, &other));
        assert_in_range(guest_quota(&other, "bytes", NULL), n, SIZE_MAX);
        assert_int_equal(guest_quota(&other, "connections", NULL), 2);
        for (size_t k = 0; k < lists; k++)
            raw_free(raw_next(&raw, NULL));
        guest_is_ended(&raw);
        fixture_until_fds(fixture_broker(), 1);
        assert_int_equal(guest_quota(&other, "bytes", NULL), 0);
        assert_int_equal(guest_quota(&other, "connections", NULL), 1);
        guest_close(&raw);
        guest_open(&raw);
    }
    guest_close(&raw);
}

/* The list of descriptors that the kernel keeps with each message is charged, too. */
static void what_is_unread_with_descriptors_costs_more(void **state) {
    enum { DUPS = 20, LIST = 4096 };
    struct raw raw, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_open(&other);
    uint64_t port = guest_wrap(&raw, ends[0], "guest");
    for (int i = 0; i < DUPS; i++) {
        int before = unread(&raw);
        send_dup(&raw, port);
        (void)bytes_come(&raw, &other, before + 1);
    }
    assert_in_range(guest_quota(&other, "bytes", NULL), DUPS * LIST - FREE, SIZE_MAX);
    for (int i = 0; i < DUPS; i++) {
        raw_free(raw_next(&raw, NULL));
        raw_close_fds(&raw);
    }
    assert_true(fixture_until(is_all_given_back, &other));
}

enum { CONNECTIONS = 10 };

struct answering {
    struct raw raws[CONNECTIONS];
    struct raw other;
};

static int unread_by_all(const struct answering *answering) {
    int n = 0;
    for (int i = 0; i < CONNECTIONS; i++)
        n += unread(&answering->raws[i]);
    return n;
}

/* A ping takes a round of the broker, in which each connection that has sent something gets an answer. */
static bool all_is_answered(void *data) {
    struct answering *answering = data;
    int before = unread_by_all(answering);
    guest_is_served(&answering->other);
    guest_is_served(&answering->other);
    return before > 0 && unread_by_all(answering) == before;
}

/* With 2,024 of one user in flight the kernel would have a send wait for its garbage collection of sockets. */
static void few_descriptors_are_in_flight(void **state) {
    enum { DUPS = 120, MOST = 950 };
    static struct answering answering;
    struct raw *raws = answering.raws;
    int ends[2], passed = 0;

    (void)state;
    guest_pipe(ends);
    guest_open(&raws[0]);
    guest_open(&answering.other);
    uint64_t port = guest_wrap(&raws[0], ends[0], "guest");
    for (int i = 0; i < CONNECTIONS; i++) {
        if (i > 0)
            guest_join(&raws[i], &raws[0]);
        for (int k = 0; k < DUPS; k++)
            send_dup(&raws[i], port);
    }
    assert_true(fixture_until(all_is_answered, &answering));
    for (int i = 0; i < CONNECTIONS; i++)
        for (int k = 0; k < DUPS; k++) {
            raw_reply *reply = raw_next(&raws[i], NULL);
            assert_non_null(reply);
            assert_true(!reply->error || reply->error->code == PORTD__V1__CODE__CODE_LIMIT);
            passed += raws[i].n_fds == 1;
            raw_free(reply);
            raw_close_fds(&raws[i]);
        }
    assert_in_range(passed, MOST / 2, MOST);
}

static bool has_no_descriptors(void *data) { return guest_quota(data, "descriptors", NULL) == 0; }

/* What else its connection kept is given back at once: here the descriptors of half a frame. */
static void what_is_unread_keeps_nothing_else(void **state) {
    enum { FDS = 252 };
    const uint8_t half[] = {200, 0, 0, 0, FDS, 0, 0, 0, 0x08, 5};
    struct raw raw, other;
    int copies[FDS], ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    guest_open(&other);
    (void)leave_unread(&raw, &other, 1);
    for (int i = 0; i < FDS; i++)
        copies[i] = ends[0];
    assert_int_equal(raw_send(&raw, half, sizeof half, copies, FDS), 0);
    fixture_until_fds(fixture_broker(), 2 + FDS);
    assert_int_equal(shutdown(raw.fd, SHUT_WR), 0);
    assert_true(fixture_until(is_the_only_session, &other));
    assert_true(fixture_until(has_no_descriptors, &other));
    fixture_until_fds(fixture_broker(), 2);
    guest_close(&raw);
    fixture_until_fds(fixture_broker(), 1);
}

/* One after the other. Their replies come when those before have been read. */
static void end_waits(struct raw *other, const int *events) {
    for (size_t i = 0; i < WAITS; i++) {
        assert_int_equal(eventfd_write(events[i], 1), 0);
        guest_is_served(other);
    }
}

static void start_waits(struct raw *raw, int *events) {
    for (int i = 0; i < WAITS; i++) {
        events[i] = fixture_own(eventfd(0, EFD_CLOEXEC));
        assert_int_equal(raw_start_wait(raw, 1000000 + (uint64_t)i, guest_evt(raw, events[i], 1000 + i)), 0);
    }
}

/* Of a uid that may have no more, nothing more is sent before it has read. Then it has all replies. */
static void a_uid_leaves_no_more_unread_than_its_bytes(void **state) {
    static struct raw crowd[CROWD];
    static struct fixture broker;
    static size_t asked[CROWD];
    Portd__V1__Hello hello = raw_hello_make();
    struct raw other;
    uint64_t limit, sum = 0;
    int ends[2], events[WAITS];

    (void)state;
    guest_start_open(&broker, 0);
    guest_pipe(ends);
    guest_open_at(&other, broker.address);
    (void)guest_quota(&other, "bytes", &limit);
    limit /= 4;
    for (size_t i = 0; i < CROWD; i++) {
        guest_connect_as(&crowd[i], OTHER_UID, broker.address);
        assert_int_equal(raw_hello_with(&crowd[i], &hello, NULL, 0), 0);
        hello.token = crowd[0].token;
    }
    assert_true(fixture_until(is_all_given_back, &crowd[0]));
    for (int i = 0; i < SHORT; i++) { /* of one with few connections that would be free */
        int before = unread(&crowd[1]);
        (void)send_list(&crowd[1]);
        (void)bytes_come(&crowd[1], &other, before + 1);
    }
    assert_in_range(guest_quota(&crowd[0], "bytes", NULL), 1, FREE);
    for (int i = 0; i < SHORT; i++)
        raw_free(raw_next(&crowd[1], NULL));
    for (int i = 0; i < OBJECTS; i++)
        (void)guest_evt(&crowd[0], ends[0], 100 + i);
    start_waits(&crowd[0], events);
    asked[0] = leave_unread(&crowd[0], &other, 4 * FREE_MANY) + WAITS;
    for (size_t i = 1; i < CROWD; i++)
        for (int before = -1; asked[i] < LISTS_MOST / 10 && unread(&crowd[i]) > before; asked[i]++) {
            before = unread(&crowd[i]);
            (void)send_list(&crowd[i]);
            (void)bytes_come(&crowd[i], &other, before + 1);
        }
    end_waits(&other, events);
    for (size_t i = 0; i < CROWD; i++)
        sum += (uint64_t)unread(&crowd[i]);
    assert_in_range(sum, CROWD * FREE_MANY, limit + CROWD * FREE_MANY);
    for (size_t i = 0; i < CROWD; i++) {
        for (; asked[i] > 0; asked[i]--) {
            raw_reply *reply = raw_next(&crowd[i], NULL);
            assert_non_null(reply);
            raw_free(reply);
        }
        guest_is_served(&crowd[i]);
    }
    for (size_t i = 0; i < CROWD; i++)
        guest_close(&crowd[i]);
    fixture_until_fds(&broker, 1);
}

enum { UIDS = 17 };

static bool is_ended(void *data) {
    struct pollfd p = {.fd = ((const struct raw *)data)->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

/* Until nobody has room for one more connection. */
static void fill_table(struct raw *raw, struct raw *other, int event) {
    for (int64_t i = 0; raw_evt(other, event, i, PORTD__V1__MODE__MODE_READ, NULL) == 0; i++)
        ;
    for (int64_t i = 0; raw_evt(raw, event, i, PORTD__V1__MODE__MODE_READ, NULL) == 0; i++)
        guest_until_closed(raw);
    guest_until_closed(raw);
}

/* Who is turned away and reads nothing leaves a few refusals unread; the others end without one. Who reads is told. */
static void few_refusals_are_left_unread(void **state) {
    static struct raw knocks[KNOCKS];
    static struct fixture broker;
    struct raw raw, other;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC)), told = 0;

    (void)state;
    guest_start_limited(&broker, 1100, NULL);
    guest_open_at(&raw, broker.address);
    guest_open_at(&other, broker.address);
    fill_table(&raw, &other, event);
    for (int i = 0; i < KNOCKS; i++) {
        guest_connect_at(&knocks[i], broker.address);
        assert_true(fixture_until(is_ended, &knocks[i]));
        told += unread(&knocks[i]) > 0;
    }
    assert_int_equal(told, TOLD);
    for (int i = 0; i < KNOCKS; i++)
        guest_close(&knocks[i]);
    guest_connect_at(&knocks[0], broker.address);
    guest_is_told(&knocks[0], 0, PORTD__V1__CODE__CODE_LIMIT);
    guest_close(&knocks[0]);
}

/* So it is for all uids together. */
static void few_refusals_of_all_are_left_unread(void **state) {
    static struct raw knocks[UIDS * TOLD];
    static struct fixture broker;
    struct raw raw, other;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC)), told = 0;

    (void)state;
    guest_start_open(&broker, 1100);
    guest_open_at(&raw, broker.address);
    guest_open_at(&other, broker.address);
    fill_table(&raw, &other, event);
    for (int i = 0; i < UIDS * TOLD; i++) {
        guest_connect_as(&knocks[i], OTHER_UID + (uid_t)(i / TOLD), broker.address);
        assert_true(fixture_until(is_ended, &knocks[i]));
        told += unread(&knocks[i]) > 0;
    }
    assert_int_equal(told, TOLD_ALL);
    for (int i = 0; i < UIDS * TOLD; i++)
        guest_close(&knocks[i]);
    guest_connect_as(&knocks[0], OTHER_UID + UIDS, broker.address);
    guest_is_told(&knocks[0], 0, PORTD__V1__CODE__CODE_LIMIT);
    guest_close(&knocks[0]);
}

TEST_MAIN(FIXTURE_CASE(handles), FIXTURE_CASE(what_is_unread_is_charged),
          FIXTURE_CASE(what_is_unread_is_charged_after_the_end),
          FIXTURE_CASE_BARE(a_uid_leaves_no_more_unread_than_its_bytes),
          FIXTURE_CASE(what_is_unread_with_descriptors_costs_more),
          FIXTURE_CASE(few_descriptors_are_in_flight), FIXTURE_CASE(what_is_unread_keeps_nothing_else),
          FIXTURE_CASE_BARE(few_refusals_are_left_unread),
          FIXTURE_CASE_BARE(few_refusals_of_all_are_left_unread))
