/* test_debt.c: a uid at its limit of bytes, and connections with the beginning of a long request that cannot be charged. They are not read,
 * but everything else about them goes on: replies, the client's end, and the request once others give bytes back. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    LONG = 65536,    /* bytes of a write */
    PART = 20000,    /* of such a request, sent */
    FILLERS = 64,    /* sessions, at most */
    BEGINNERS = 256, /* connections with a part of a request, at most */
    WAIT = 77,
    WRITE = 4711
};

static struct raw fillers[FILLERS], beginners[BEGINNERS];
static uint64_t events[BEGINNERS]; /* of the beginners */
static int drains[FILLERS];        /* other ends of the fillers' sockets */
static uint8_t frame[RAW_HEADER + RAW_WRITE_MAX];

static uint64_t out_of(struct raw *raw, int fd) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor wrap = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;

    wrap.number = fd;
    wrap.name = (char *)(uintptr_t) "out";
    wrap.write = true;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    request.file_descriptor_to_port = &wrap;
    raw_reply *reply = raw_ask_fds(raw, &request, &fd, 1);
    assert_non_null(reply);
    assert_null(reply->error);
    uint64_t id = reply->file_descriptor_to_port->output;
    raw_free(reply);
    return id;
}

/* Writes that nobody reads, one after the other, until one is refused: how many were not. The ping behind each tells that it was handled. */
static size_t fill(struct raw *raw, int fd) {
    uint64_t port = out_of(raw, fd);
    size_t n = 0;

    for (bool refused = false; !refused;) {
        raw_request ping = PORTD__V1__REQUEST__INIT;
        Portd__V1__Ping message = PORTD__V1__PING__INIT;
        assert_int_equal(raw_send(raw, frame, raw_pack_write(frame, 1000000 + n, port, LONG), NULL, 0), 0);
        ping.id = 2000000;
        ping.method_case = PORTD__V1__REQUEST__METHOD_PING;
        ping.ping = &message;
        assert_int_equal(raw_send_request(raw, &ping, NULL, 0), 0);
        for (bool handled = false; !handled;) {
            raw_reply *reply = raw_next(raw, NULL);
            assert_non_null(reply);
            handled = reply->id == 2000000;
            if (reply->error) {
                assert_int_equal(reply->error->code, LIMIT);
                refused = true;
            }
            raw_free(reply);
        }
        n += !refused;
    }
    return n;
}

/* Sessions whose writes take all bytes of the uid but a few. */
static size_t fill_all(size_t *writes) {
    size_t n = 0;

    *writes = 0;
    for (bool more = true; more; n++) {
        int ends[2];
        assert_true(n < FILLERS);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        drains[n] = fixture_own(ends[1]);
        guest_open(&fillers[n]);
        size_t taken = fill(&fillers[n], ends[0]);
        (void)close(ends[0]);
        *writes += taken;
        more = taken > 2;
    }
    return n;
}

/* Connections that begin a long request, until what they send is no longer charged: the last three are in debt. They wait for the event. */
static size_t begin_all(int event, const struct raw *session) {
    size_t n = 0;
    uint64_t before = 0;

    for (int uncharged = 0; uncharged < 3; n++) {
        struct raw *raw = &beginners[n];
        assert_true(n < BEGINNERS);
        guest_join(raw, session);
        events[n] = guest_evt(raw, event, event);
        assert_int_equal(raw_start_wait(raw, WAIT, events[n]), 0);
        guest_is_served(raw);
        before = guest_quota(&fillers[0], "bytes", NULL);
        (void)raw_pack_write(frame, WRITE, events[n], LONG);
        assert_int_equal(raw_send(raw, frame, PART, NULL, 0), 0);
        /* The broker has read it, or does not read it. */
        for (int i = 0; i < 2 * PART / 4096; i++)
            guest_is_served(&fillers[0]);
        uncharged += guest_quota(&fillers[0], "bytes", NULL) == before;
    }
    return n;
}

static void give_back(size_t n) {
    static char bytes[LONG];

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fcntl(drains[i], F_SETFL, O_NONBLOCK), 0);
        guest_close(&fillers[i]);
        while (read(drains[i], bytes, sizeof bytes) > 0)
            ;
        fixture_close(drains[i]);
    }
}

struct few {
    struct raw *raw;
    uint64_t connections;
};

static bool are_few(void *data) {
    const struct few *few = data;
    return guest_quota(few->raw, "connections", NULL) <= few->connections;
}

static void a_debtor_is_answered_and_ends(void **state) {
    struct raw session, last;
    size_t writes, n_fillers, n;
    int event = fixture_own(eventfd(0, EFD_CLOEXEC));

    (void)state;
    guest_open(&session);
    n_fillers = fill_all(&writes);
    assert_true(writes > 64);
    n = begin_all(event, &session);
    struct raw *debtor = &beginners[n - 1], *gone = &beginners[n - 2], *half = &beginners[n - 3];

    /* A reply that comes due goes out, whatever else cannot be charged. */
    assert_int_equal(eventfd_write(event, 1), 0);
    guest_is_told(debtor, WAIT, 0);
    guest_is_told(half, WAIT, 0); /* with a reply unread it would stay */

    /* The connection of a client that leaves is closed, though it is not read; so is that of one that can send no more. */
    guest_open(&last);
    struct few few = {&last, guest_quota(&last, "connections", NULL) - 2};
    guest_close(gone);
    assert_int_equal(shutdown(half->fd, SHUT_WR), 0);
    assert_true(fixture_until(are_few, &few));

    /* When there is room again, the request is read to its end. */
    give_back(n_fillers);
    size_t size = raw_pack_write(frame, WRITE, events[n - 1], LONG);
    assert_int_equal(raw_send(debtor, frame + PART, size - PART, NULL, 0), 0);
    guest_is_told(debtor, WRITE, PORTD__V1__CODE__CODE_INVALID);
    for (size_t i = 0; i < n; i++)
        if (&beginners[i] != gone)
            guest_close(&beginners[i]);
    guest_close(&session);
    guest_close(&last);
}

/* Appends a request and returns its id. */
static uint64_t append(uint8_t *bytes, size_t *size, raw_request *request) {
    static uint64_t last = UINT64_C(1) << 24;

    request->id = ++last;
    *size += raw_pack(bytes + *size, request, 0);
    return last;
}

static raw_request wait_for(Portd__V1__Wait *wait, uint64_t *ids, size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;

    portd__v1__wait__init(wait);
    wait->ids = ids;
    wait->n_ids = n;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = wait;
    return request;
}

/* Waits until its session has no bytes for one more: how many. Their ids are odd numbers from `first` on. */
static size_t park_all(struct raw *raw, uint64_t *ids, uint64_t *first) {
    static const size_t sizes[] = {256, 64, 16, 4, 1};
    static uint8_t bytes[2 * (RAW_HEADER + RAW_BODY_MAX)];
    size_t n = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]);) {
        raw_request ping = PORTD__V1__REQUEST__INIT;
        Portd__V1__Ping message = PORTD__V1__PING__INIT;
        Portd__V1__Wait wait;
        raw_request request = wait_for(&wait, ids, sizes[i]);
        size_t size = 0;
        bool refused = false;
        uint64_t id = append(bytes, &size, &request);
        if (!*first)
            *first = id;
        ping.method_case = PORTD__V1__REQUEST__METHOD_PING;
        ping.ping = &message;
        uint64_t last = append(bytes, &size, &ping);
        assert_int_equal(raw_send(raw, bytes, size, NULL, 0), 0);
        for (uint64_t got = 0; got != last;) {
            raw_reply *reply = raw_next(raw, NULL);
            assert_non_null(reply);
            got = reply->id;
            refused = refused || reply->error;
            raw_free(reply);
        }
        n += !refused;
        i += refused;
    }
    return n;
}

/* What gives bytes back, cancels, comes behind what is refused, all at once. */
static void cancels_are_handled_at_the_limit(void **state) {
    enum { REFUSED = 100, ROOM = 1 << 20 };
    static uint8_t bytes[ROOM];
    uint64_t ids[256], first = 0, last = 0;
    struct raw raw;
    size_t size = 0, sent = 0, answered = 0;

    (void)state;
    guest_open(&raw);
    ids[0] = guest_evt(&raw, fixture_own(eventfd(0, EFD_CLOEXEC)), 5);
    for (size_t i = 1; i < 256; i++)
        ids[i] = ids[0];
    size_t n = park_all(&raw, ids, &first);
    assert_true(n > 100);
    for (int i = 0; i < REFUSED; i++) {
        Portd__V1__Wait wait;
        raw_request request = wait_for(&wait, ids, 256);
        last = append(bytes, &size, &request);
    }
    for (uint64_t id = first; id < last - REFUSED; id += 2) {
        raw_request request = PORTD__V1__REQUEST__INIT;
        Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;
        cancel.request = id;
        request.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
        request.cancel = &cancel;
        assert_true(size + RAW_HEADER + RAW_BODY_MAX < ROOM);
        (void)append(bytes, &size, &request);
    }
    uint64_t cancels = (last - REFUSED - first + 1) / 2;
    while (answered < cancels) {
        ssize_t took = sent < size ? raw_send_some(&raw, bytes + sent, size - sent, NULL, 0) : -EAGAIN;
        assert_true(took > 0 || took == -EAGAIN);
        sent += took > 0 ? (size_t)took : 0;
        while (answered < cancels && (took == -EAGAIN || raw_has_reply(&raw))) {
            raw_reply *reply = raw_next(&raw, NULL);
            assert_non_null(reply);
            answered += reply->id > last;
            raw_free(reply);
            if (sent < size)
                break;
        }
    }
    guest_close(&raw);
}

TEST_MAIN(FIXTURE_CASE(a_debtor_is_answered_and_ends), FIXTURE_CASE(cancels_are_handled_at_the_limit))
