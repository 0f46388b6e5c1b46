/* test_patience.c: clients that are silent, slow, greedy or many. Each delays only itself; the others are served meanwhile, and
 * the broker's memory stays bounded. */
#include "guest.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

enum {
    FLEET = 1000,    /* connections at once */
    REQUESTS = 60000 /* more than broker and kernel take from somebody who does not read */
};

#define REQUEST_BYTES 15

/* A request of two bytes beside its id, of a method whose message is empty. ids from 1 << 14 on have three bytes. */
static void write_request(uint8_t bytes[REQUEST_BYTES], uint32_t id, unsigned method) {
    const unsigned tag = method << 3 | 2;
    uint8_t body[] = {0x08,
                      (uint8_t)(id & 0x7f) | 0x80,
                      (uint8_t)(id >> 7 & 0x7f) | 0x80,
                      (uint8_t)(id >> 14),
                      (uint8_t)(tag & 0x7f) | 0x80,
                      (uint8_t)(tag >> 7),
                      0};

    raw_header(bytes, sizeof(body), 0, 0);
    memcpy(bytes + RAW_HEADER, body, sizeof(body));
}

static const uint32_t first_id = 1 << 14;

static uint8_t *write_requests(size_t n, unsigned method) {
    uint8_t *bytes = malloc(n * REQUEST_BYTES);

    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        write_request(bytes + i * REQUEST_BYTES, first_id + (uint32_t)i, method);
    return bytes;
}

enum { PING = 11, LIST = 20, STATUS = 22 };

/* Sends until nothing is taken any more, however long the broker has had for it: another guest was served many times. */
static size_t send_all_that_is_taken(const struct raw *raw, struct raw *other, const uint8_t *bytes,
                                     size_t size) {
    size_t sent = 0;

    for (int quiet = 0; quiet < 30 && sent < size;) {
        ssize_t n = raw_send_some(raw, bytes + sent, size - sent, NULL, 0);
        if (n > 0) {
            sent += (size_t)n;
            quiet = 0;
            continue;
        }
        assert_int_equal(n, -EAGAIN);
        guest_is_served(other);
        quiet++;
    }
    return sent;
}

static void fill_session(struct raw *raw, int fd, int64_t n) {
    for (int64_t number = 0; number < n; number++)
        (void)guest_evt(raw, fd, number);
}

/* ---- silence ------------------------------------------------------------------------------------------------------------- */

static void half_a_frame_and_silence(void **state) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__StatusOf status = PORTD__V1__STATUS_OF__INIT;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw silent[8], other;

    (void)state;
    request.id = 5;
    request.method_case = PORTD__V1__REQUEST__METHOD_STATUS;
    request.status = &status;
    size_t size = raw_pack(bytes, &request, 0);
    guest_open(&other);
    for (size_t i = 0; i < 8; i++) {
        guest_open(&silent[i]);
        assert_int_equal(raw_send(&silent[i], bytes, i + 1, NULL, 0), 0);
    }
    for (int i = 0; i < 200; i++)
        guest_is_served(&other);
    for (size_t i = 0; i < 8; i++) {
        assert_false(raw_has_reply(&silent[i]));
        assert_int_equal(raw_send(&silent[i], bytes + i + 1, size - i - 1, NULL, 0), 0);
        guest_is_told(&silent[i], 5, 0);
    }
}

/* Descriptors of half a frame are held until the rest comes, and are closed when the sender goes. */
static void half_a_frame_with_descriptors_and_silence(void **state) {
    int copies[252], event = fixture_own(eventfd(0, EFD_CLOEXEC));
    uint8_t bytes[] = {200, 0, 0, 0, 252, 0, 0, 0, 0x08, 5};
    struct raw silent, other;

    (void)state;
    for (size_t i = 0; i < 252; i++)
        copies[i] = event;
    guest_open(&other);
    guest_open(&silent);
    assert_int_equal(raw_send(&silent, bytes, sizeof(bytes), copies, 252), 0);
    fixture_until_fds(fixture_broker(), 2 + 252);
    for (int i = 0; i < 100; i++)
        guest_is_served(&other);
    guest_close(&silent);
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- clients that do not read ------------------------------------------------------------------------------------------- */

/* What a client leaves unread is bounded, and is all there when it begins to read. */
static void a_client_that_never_reads(void **state) {
    uint8_t *bytes = write_requests(REQUESTS, LIST);
    struct raw deaf, other;
    uint64_t limit = 0;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&deaf);
    fill_session(&deaf, ends[0], 30);
    long before = guest_memory(fixture_broker()->pid, "VmRSS:");
    size_t sent = send_all_that_is_taken(&deaf, &other, bytes, (size_t)REQUESTS * REQUEST_BYTES);
    assert_true(sent < (size_t)REQUESTS * REQUEST_BYTES);
    uint64_t held = guest_quota(&other, "bytes", &limit);
    assert_in_range(held, 1, 1 << 20);
    assert_true(limit > held);
    if (!guest_is_sanitized())
        assert_in_range(guest_memory(fixture_broker()->pid, "VmRSS:"), 0, before + 4096);
    for (size_t i = 0; i < sent / REQUEST_BYTES; i++) {
        raw_reply *reply = raw_next(&deaf, NULL);
        assert_non_null(reply);
        assert_int_equal(reply->id, first_id + i);
        assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_LIST);
        assert_int_equal(reply->list->n_items, 60);
        raw_free(reply);
    }
    size_t rest = (REQUEST_BYTES - sent % REQUEST_BYTES) % REQUEST_BYTES;
    if (rest) {
        assert_int_equal(raw_send(&deaf, bytes + sent, rest, NULL, 0), 0);
        guest_is_told(&deaf, first_id + sent / REQUEST_BYTES, 0);
    }
    guest_is_served(&deaf);
    assert_int_equal(guest_quota(&other, "bytes", NULL), 0);
    free(bytes);
}

static void many_clients_that_never_read(void **state) {
    enum { DEAF = 60 };
    uint8_t *bytes = write_requests(REQUESTS, LIST);
    static struct raw deaf[DEAF];
    struct raw other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&deaf[0]);
    fill_session(&deaf[0], ends[0], 100);
    for (size_t i = 1; i < DEAF; i++)
        guest_join(&deaf[i], &deaf[0]);
    long before = guest_memory(fixture_broker()->pid, "VmRSS:");
    for (size_t i = 0; i < DEAF; i++)
        (void)send_all_that_is_taken(&deaf[i], &other, bytes, (size_t)REQUESTS * REQUEST_BYTES);
    assert_in_range(guest_quota(&other, "bytes", NULL), DEAF, DEAF << 20);
    if (!guest_is_sanitized())
        assert_in_range(guest_memory(fixture_broker()->pid, "VmRSS:"), 0, before + DEAF * 1024);
    guest_is_served(&other);
    for (size_t i = 0; i < DEAF; i++)
        guest_close(&deaf[i]);
    fixture_until_fds(fixture_broker(), 1);
    assert_int_equal(guest_quota(&other, "bytes", NULL), 0);
    free(bytes);
}

/* Waits that are done while their client does not read stay charged to it until it does. */
static void waits_of_a_client_that_never_reads(void **state) {
    enum { WAITS = 300 };
    uint8_t *bytes = write_requests(REQUESTS, LIST);
    struct raw deaf, joined;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&deaf);
    fill_session(&deaf, ends[0], 30);
    guest_join(&joined, &deaf);
    uint64_t id = guest_semaphore(&deaf, ends[0], 1000);
    for (uint64_t i = 0; i < WAITS; i++)
        assert_int_equal(raw_start_wait(&deaf, 10000 + i, id), 0);
    guest_is_served(&deaf);
    assert_int_equal(guest_quota(&joined, "waits", NULL), WAITS);
    size_t sent = send_all_that_is_taken(&deaf, &joined, bytes, (size_t)REQUESTS * REQUEST_BYTES);
    uint64_t held = guest_quota(&joined, "bytes", NULL);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(raw_start_wait(&joined, 5, id), 0);
    guest_is_woken(&joined, 5, id, PORTD__V1__CAUSE__CAUSE_READY);
    assert_int_equal(guest_quota(&joined, "waits", NULL), WAITS);
    assert_true(guest_quota(&joined, "bytes", NULL) >= held);
    size_t lists = 0, waits = 0;
    while (lists < sent / REQUEST_BYTES || waits < WAITS) {
        raw_reply *reply = raw_next(&deaf, NULL);
        assert_non_null(reply);
        lists += reply->result_case == PORTD__V1__REPLY__RESULT_LIST;
        waits += reply->result_case == PORTD__V1__REPLY__RESULT_WAIT;
        raw_free(reply);
    }
    assert_int_equal(guest_quota(&joined, "waits", NULL), 0);
    free(bytes);
}

/* Replies to waits until the connection ends. */
static size_t count_last_waits(struct raw *raw) {
    raw_reply *reply;
    size_t n = 0;

    for (int error = 0; (reply = raw_next(raw, &error)); raw_free(reply))
        n += reply->result_case == PORTD__V1__REPLY__RESULT_WAIT;
    return n;
}

static bool has_no_waits(void *data) { return guest_quota(data, "waits", NULL) == 0; }

static void end_with_unread_waits(bool reads) {
    enum { UNREAD = 100 };
    uint8_t *bytes = write_requests(REQUESTS, LIST);
    struct raw deaf, joined, other;
    int ends[2], silent[2];

    guest_pipe(ends);
    guest_pipe(silent);
    guest_open(&other);
    guest_open(&deaf);
    guest_join(&joined, &deaf);
    fill_session(&deaf, ends[0], 30);
    uint64_t id = guest_semaphore(&deaf, ends[0], 1000), evt = guest_evt(&deaf, silent[0], 1001);
    for (uint64_t i = 0; i < UNREAD; i++)
        assert_int_equal(raw_start_wait(&deaf, 10000 + i, i < UNREAD / 2 ? id : evt), 0);
    guest_is_served(&deaf);
    (void)send_all_that_is_taken(&deaf, &other, bytes, (size_t)REQUESTS * REQUEST_BYTES);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(raw_start_wait(&joined, 5, id), 0);
    guest_is_woken(&joined, 5, id, PORTD__V1__CAUSE__CAUSE_READY);
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    end.id = deaf.session;
    assert_int_equal(raw_code(raw_ask(&other, &request)), 0);
    assert_true(guest_quota(&other, "sessions", NULL) == 1);
    if (reads)
        assert_int_equal(count_last_waits(&deaf), UNREAD);
    assert_true(fixture_until(has_no_waits, &other));
    fixture_until_fds(fixture_broker(),
                      reads || !guest_socket_stays() ? 1 : 2); /* for what was sent before */
    guest_close(&deaf);
    guest_close(&joined);
    fixture_until_fds(fixture_broker(), 1);
    guest_close(&other);
    free(bytes);
}

/* The session ends while its waits are done and unread, and others are parked: all are answered before the connection ends. A client that reads
 * nothing loses them, and keeps nothing but its connection. */
static void end_of_a_session_with_unread_waits(void **state) {
    (void)state;
    end_with_unread_waits(true);
    end_with_unread_waits(false);
}

/* A connection whose very many replies are unread ends, and its session while they are given up. */
static void end_of_a_session_with_a_connection_that_ends(void **state) {
    enum { MANY = 2000 };
    uint8_t *bytes = write_requests(REQUESTS, LIST);
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    struct raw leaver, joined, other;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&leaver);
    guest_join(&joined, &leaver);
    fill_session(&leaver, ends[0], 30);
    uint64_t evt = guest_evt(&leaver, ends[0], 1000);
    for (uint64_t i = 0; i < MANY; i++)
        assert_int_equal(raw_start_wait(&leaver, 10000 + i, evt), 0);
    guest_is_served(&leaver);
    assert_int_equal(guest_quota(&other, "waits", NULL), MANY);
    (void)send_all_that_is_taken(&leaver, &other, bytes, (size_t)REQUESTS * REQUEST_BYTES);
    end.id = leaver.session;
    request.id = 4711;
    request.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    request.end_session = &end;
    fixture_hold_broker();
    guest_close(&leaver);
    assert_int_equal(raw_send_request(&other, &request, NULL, 0), 0);
    fixture_continue_broker();
    guest_is_told(&other, 4711, 0);
    fixture_until_fds(fixture_broker(), 1);
    assert_int_equal(guest_quota(&other, "waits", NULL), 0);
    guest_is_ended(&joined);
    guest_close(&joined);
    guest_close(&other);
    free(bytes);
    end_with_unread_waits(false); /* longer than the last replies of a session are sent */
}

/* Replies with descriptors among others, all unread for long: each keeps its own. */
static void handles_wait_for_their_reader(void **state) {
    enum { ROUNDS = 400 };
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;
    uint8_t *bytes = malloc((size_t)ROUNDS * 2 * (RAW_HEADER + 32));
    struct raw raw, other;
    size_t size = 0;
    int ends[2];

    (void)state;
    assert_non_null(bytes);
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&raw);
    fill_session(&raw, ends[0], 20);
    handle.id = guest_semaphore(&raw, ends[0], 500);
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        write_request(bytes + size, first_id + i, LIST);
        size += REQUEST_BYTES;
        request.id = 1 + i;
        size += raw_pack(bytes + size, &request, 0);
    }
    size_t sent = send_all_that_is_taken(&raw, &other, bytes, size);
    assert_int_equal(sent, size); /* the broker has it, and has answered a part of it */
    for (uint32_t i = 0; i < ROUNDS; i++) {
        guest_is_told(&raw, first_id + i, 0);
        assert_int_equal(raw.n_fds, 0);
        guest_is_told(&raw, 1 + i, 0);
        assert_int_equal(raw.n_fds, 1);
        raw_close_fds(&raw);
    }
    guest_is_served(&raw);
    free(bytes);
}

/* Some bytes at a time. */
static void a_client_that_reads_slowly(void **state) {
    uint8_t *bytes = write_requests(300, LIST), piece[97];
    struct raw raw, other;
    size_t got = 0;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    guest_open(&raw);
    fill_session(&raw, ends[0], 30);
    assert_int_equal(send_all_that_is_taken(&raw, &other, bytes, (size_t)300 * REQUEST_BYTES),
                     (size_t)300 * REQUEST_BYTES);
    while (got < 300000) {
        ssize_t n = read(raw.fd, piece, sizeof(piece));
        assert_true(n > 0);
        if (got / 10000 != (got + (size_t)n) / 10000)
            guest_is_served(&other);
        got += (size_t)n;
    }
    free(bytes);
}

/* ---- much at once ------------------------------------------------------------------------------------------------------- */

static void a_thousand_pings_in_one_write(void **state) {
    uint8_t *bytes = write_requests(1000, PING);
    struct raw raw;

    (void)state;
    guest_open(&raw);
    assert_int_equal(raw_send_some(&raw, bytes, (size_t)1000 * REQUEST_BYTES, NULL, 0), 1000 * REQUEST_BYTES);
    for (uint32_t i = 0; i < 1000; i++)
        guest_is_told(&raw, first_id + i, 0);
    free(bytes);
}

/* Parked requests are outside the window: whatever is in flight, others and a cancel get through. */
static void inflight_waits_leave_room(void **state) {
    enum { WAITS = 3000 };
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;
    struct raw raw;
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    assert_true(raw.window < WAITS);
    uint64_t id = guest_evt(&raw, ends[0], 5);
    for (uint64_t i = 0; i < WAITS; i++)
        assert_int_equal(raw_start_wait(&raw, 10000 + i, id), 0);
    guest_is_served(&raw);
    cancel.request = 10000 + WAITS / 2;
    request.id = 5;
    request.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    request.cancel = &cancel;
    assert_int_equal(raw_send_request(&raw, &request, NULL, 0), 0);
    guest_is_told(&raw, 10000 + WAITS / 2, PORTD__V1__CODE__CODE_CANCELLED);
    guest_is_told(&raw, 5, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    for (size_t i = 0; i < WAITS - 1; i++) {
        raw_reply *reply = raw_next(&raw, NULL);
        assert_non_null(reply);
        assert_in_range(reply->id, 10000, 10000 + WAITS - 1);
        assert_int_equal(raw_ready(reply, NULL), id);
    }
    guest_is_served(&raw);
}

struct flood {
    const char *address;
    int kind;
    int fd;
};

/* As fast as it can, for ever: 0 pings, 1 connections, 2 descriptors, 3 lies, 4 lists that are never read. */
static int flood(void *data) {
    const struct flood *what = data;
    uint8_t *bytes = malloc((size_t)1000 * REQUEST_BYTES);
    struct raw raw;

    for (size_t i = 0; i < 1000; i++)
        write_request(bytes + i * REQUEST_BYTES, first_id + (uint32_t)i, what->kind == 0 ? PING : LIST);
    if (raw_open(&raw, what->address))
        return 1;
    for (uint64_t i = 0;; i++) {
        struct raw more;
        if (what->kind == 0) {
            raw_reply *reply = NULL;
            (void)raw_send(&raw, bytes, (size_t)1000 * REQUEST_BYTES, NULL, 0);
            for (int k = 0; k < 1000 && (reply = raw_next(&raw, NULL)); k++)
                raw_free(reply);
        } else if (what->kind == 1) {
            if (raw_connect(&more, what->address) == 0)
                raw_close(&more);
        } else if (what->kind == 2) {
            (void)raw_semaphore(&raw, what->fd, (int64_t)(i % 100), PORTD__V1__MODE__MODE_READ, NULL);
            (void)raw_semaphore(&raw, -1, (int64_t)(i % 100), PORTD__V1__MODE__MODE_REMOVE, NULL);
        } else if (what->kind == 3) {
            int copies[] = {what->fd, what->fd, what->fd};
            (void)raw_send_body(&raw, "\x08\x01\x5a\x00", 4, 1, copies, 3);
            raw_free(raw_next(&raw, NULL));
        } else if (raw_connect(&more, what->address) == 0 && raw_hello(&more) == 0) {
            (void)raw_send_some(&more, bytes, (size_t)1000 * REQUEST_BYTES, NULL, 0);
            raw_close(&more);
        }
    }
}

static void floods_hold_nobody_up(void **state) {
    static struct flood floods[5];
    struct raw other;
    pid_t pids[5];
    int ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&other);
    for (int i = 0; i < 5; i++) {
        floods[i] = (struct flood){fixture_address(), i, ends[0]};
        pids[i] = fixture_fork(flood, &floods[i]);
    }
    for (int i = 0; i < 500; i++)
        guest_is_served(&other);
    for (int i = 0; i < 5; i++)
        fixture_end(pids[i]);
    guest_is_served(&other);
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- many ------------------------------------------------------------------------------------------------------------------- */

static struct raw *fleet_open(size_t n) {
    struct raw *fleet = calloc(n, sizeof(*fleet));
    struct rlimit limit;

    assert_non_null(fleet);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < 4 * n)
        test_skip("the limit of open files is too low");
    for (size_t i = 0; i < n; i++)
        assert_int_equal(raw_open(&fleet[i], fixture_address()), 0);
    return fleet;
}

static void fleet_close(struct raw *fleet, size_t n) {
    for (size_t i = 0; i < n; i++)
        raw_close(&fleet[i]);
    free(fleet);
}

/* Each with a semaphore, a hundred on each of ten pipes: ten writes wake them all. */
static void a_thousand_connections_are_all_woken(void **state) {
    enum { PIPES = 10 };
    static uint64_t ids[FLEET];
    struct raw *fleet = fleet_open(FLEET);
    int ends[PIPES][2];

    (void)state;
    for (size_t i = 0; i < PIPES; i++)
        guest_pipe(ends[i]);
    for (size_t i = 0; i < FLEET; i++) {
        ids[i] = guest_semaphore(&fleet[i], ends[i % PIPES][0], 7);
        assert_int_equal(raw_start_wait(&fleet[i], 55, ids[i]), 0);
    }
    for (size_t i = 0; i < FLEET; i++)
        guest_is_served(&fleet[i]); /* its wait is in flight by now */
    for (size_t i = 0; i < PIPES; i++)
        assert_int_equal(write(ends[i][1], "x", 1), 1);
    for (size_t i = 0; i < FLEET; i++)
        guest_is_woken(&fleet[i], 55, ids[i], PORTD__V1__CAUSE__CAUSE_READY);
    fleet_close(fleet, FLEET);
}

/* One open file under very many numbers. A kernel has a limit for that; it is told as one, and all the others work. */
static void one_open_file_is_watched_very_often(void **state) {
    static uint64_t ids[1200];
    size_t n = 0;
    struct raw raw;
    int code = 0, ends[2];

    (void)state;
    guest_pipe(ends);
    guest_open(&raw);
    for (; n < 1200; n++) {
        code = raw_semaphore(&raw, ends[0], (int64_t)n, PORTD__V1__MODE__MODE_READ, &ids[n]);
        if (code)
            break;
        assert_true(ids[n] != 0);
    }
    assert_true(n >= 256);
    assert_true(code == 0 || code == PORTD__V1__CODE__CODE_LIMIT);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(raw_start_wait(&raw, 10000 + i, ids[i]), 0);
    guest_is_served(&raw);
    assert_int_equal(write(ends[1], "x", 1), 1);
    for (size_t i = 0; i < n; i++) {
        raw_reply *reply = raw_next(&raw, NULL);
        assert_non_null(reply);
        assert_in_range(reply->id, 10000, 10000 + n - 1);
        uint64_t id = ids[reply->id - 10000];
        assert_int_equal(raw_ready(reply, NULL), id);
    }
    fixture_until_fds(fixture_broker(), 1);
}

/* Each with a descriptor of its own: each is woken by its own and by no other. */
static void a_thousand_connections_are_woken_one_by_one(void **state) {
    static uint64_t ids[FLEET];
    static int events[FLEET];
    struct raw *fleet;

    (void)state;
    fleet = fleet_open(FLEET);
    for (size_t i = 0; i < FLEET; i++) {
        events[i] = eventfd(0, EFD_CLOEXEC);
        assert_true(events[i] >= 0);
        ids[i] = guest_semaphore(&fleet[i], events[i], 7);
        assert_int_equal(raw_start_wait(&fleet[i], 55, ids[i]), 0);
    }
    for (size_t i = FLEET; i-- > 0;) {
        assert_int_equal(eventfd_write(events[i], 1), 0);
        guest_is_woken(&fleet[i], 55, ids[i], PORTD__V1__CAUSE__CAUSE_READY);
        if (i > 0)
            assert_false(raw_has_reply(&fleet[i - 1]));
        (void)close(events[i]);
    }
    fleet_close(fleet, FLEET);
}

TEST_MAIN(FIXTURE_CASE(half_a_frame_and_silence), FIXTURE_CASE(half_a_frame_with_descriptors_and_silence),
          FIXTURE_CASE(a_client_that_never_reads), FIXTURE_CASE(many_clients_that_never_read),
          FIXTURE_CASE(waits_of_a_client_that_never_reads), FIXTURE_CASE(end_of_a_session_with_unread_waits),
          FIXTURE_CASE(end_of_a_session_with_a_connection_that_ends),
          FIXTURE_CASE(handles_wait_for_their_reader), FIXTURE_CASE(a_client_that_reads_slowly),
          FIXTURE_CASE(a_thousand_pings_in_one_write), FIXTURE_CASE(inflight_waits_leave_room),
          FIXTURE_CASE(floods_hold_nobody_up), FIXTURE_CASE(a_thousand_connections_are_all_woken),
          FIXTURE_CASE(a_thousand_connections_are_woken_one_by_one),
          FIXTURE_CASE(one_open_file_is_watched_very_often))
