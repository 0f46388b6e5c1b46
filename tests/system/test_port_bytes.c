/* test_port_bytes.c: ports as bytes on the wire: long writes and requests that only look like one, bounds, and in-flight requests
 * whose client does not return. */
#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

enum {
    OK = 0,
    INVALID = PORTD__V1__CODE__CODE_INVALID,
    NOT_FOUND = PORTD__V1__CODE__CODE_NOT_FOUND,
    CANCELLED = PORTD__V1__CODE__CODE_CANCELLED,
    MISMATCH = PORTD__V1__CODE__CODE_MISMATCH,
    MOST = 65536
};

static int wrap_with(struct raw *raw, int64_t number, const char *name, bool read, bool write, const int *fd,
                     uint64_t *id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor wrap = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;

    wrap.number = number;
    wrap.name = (char *)(uintptr_t)name;
    wrap.read = read;
    wrap.write = write;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    request.file_descriptor_to_port = &wrap;
    raw_reply *reply = raw_ask_fds(raw, &request, fd, fd ? 1 : 0);
    if (reply && !reply->error && id)
        *id = read ? reply->file_descriptor_to_port->input : reply->file_descriptor_to_port->output;
    return raw_code(reply);
}

static uint64_t wrap(struct raw *raw, int fd, bool write) {
    uint64_t id = 0;

    assert_int_equal(wrap_with(raw, fd, "guest", !write, write, &fd, &id), OK);
    assert_true(id != 0);
    return id;
}

static raw_request read_of(Portd__V1__Read *read, uint64_t port, uint32_t most) {
    raw_request request = PORTD__V1__REQUEST__INIT;

    portd__v1__read__init(read);
    read->id = port;
    read->most = most;
    request.method_case = PORTD__V1__REQUEST__METHOD_READ;
    request.read = read;
    return request;
}

static int ask_read(struct raw *raw, uint64_t port, uint32_t most) {
    Portd__V1__Read read;
    raw_request request = read_of(&read, port, most);

    return raw_code(raw_ask(raw, &request));
}

/* Sends a read without waiting for its reply. */
static void start_read(struct raw *raw, uint64_t id, uint64_t port) {
    Portd__V1__Read read;
    raw_request request = read_of(&read, port, 16);

    request.id = id;
    assert_int_equal(raw_send_request(raw, &request, NULL, 0), 0);
}

/* The header comes first, and alone. */
static void send_long(const struct raw *raw, const uint8_t *frame, size_t size) {
    assert_int_equal(raw_send(raw, frame, RAW_HEADER, NULL, 0), 0);
    assert_int_equal(raw_send(raw, frame + RAW_HEADER, size - RAW_HEADER, NULL, 0), 0);
}

static int ask_write(struct raw *raw, uint64_t port, size_t size) {
    static uint8_t frame[RAW_HEADER + RAW_WRITE_MAX];

    send_long(raw, frame, raw_pack_write(frame, ++raw->id, port, size));
    return raw_code(raw_next(raw, NULL));
}

static void check_came(int fd, size_t size) {
    static uint8_t got[MOST];
    size_t have = 0;

    while (have < size) {
        assert_true(fixture_poll(fd, POLLIN) != 0);
        ssize_t n = read(fd, got + have, size - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
    for (size_t i = 0; i < size; i++)
        assert_int_equal(got[i], i % 253);
}

static int ask_splice(struct raw *raw, uint64_t port, uint64_t least, uint64_t most, const int *fds,
                      size_t n) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Splice splice = PORTD__V1__SPLICE__INIT;

    splice.id = port;
    splice.least = least;
    splice.most = most;
    request.method_case = PORTD__V1__REQUEST__METHOD_SPLICE;
    request.splice = &splice;
    return raw_code(raw_ask_fds(raw, &request, fds, n));
}

static void pair(int ends[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    (void)fixture_own(ends[0]);
    (void)fixture_own(ends[1]);
}

/* ---- long requests ------------------------------------------------------------------------------------------------- */

static void writes_of_every_length(void **state) {
    static const size_t sizes[] = {1,    4060, 4075, 4080, 4081, 4082,  4083, 4084,
                                   4085, 4086, 4090, 4096, 5000, 40000, MOST};
    struct raw raw;
    int ends[2];

    (void)state;
    guest_open(&raw);
    pair(ends);
    uint64_t out = wrap(&raw, ends[0], true);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(ask_write(&raw, out, sizes[i]), OK);
        check_came(ends[1], sizes[i]);
    }
    assert_int_equal(ask_write(&raw, out, MOST + 1), INVALID);
    assert_int_equal(ask_write(&raw, out, 0), OK); /* a socket may have empty messages */
    assert_int_equal(ask_write(&raw, 42, MOST), NOT_FOUND);
    guest_is_served(&raw);
}

/* However the bytes come in, and with other frames right behind. */
/* In any order. */
static void guest_is_told_both(struct raw *raw, uint64_t one, uint64_t other) {
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        int error = 0;
        raw_reply *reply = raw_next(raw, &error);
        assert_int_equal(error, 0);
        uint64_t id = reply->id;
        assert_true(id == one || id == other);
        assert_int_equal(raw_code(reply), OK);
        sum += id;
    }
    assert_int_equal(sum, one + other);
}

static void a_long_write_in_pieces(void **state) {
    static uint8_t bytes[RAW_HEADER + RAW_WRITE_MAX + RAW_HEADER + RAW_BODY_MAX];
    struct raw raw;
    int ends[2];

    (void)state;
    guest_open(&raw);
    pair(ends);
    uint64_t out = wrap(&raw, ends[0], true);
    for (size_t first = 1; first < 24; first++) {
        raw_request ping = PORTD__V1__REQUEST__INIT;
        Portd__V1__Ping message = PORTD__V1__PING__INIT;
        ping.id = 2000 + first;
        ping.method_case = PORTD__V1__REQUEST__METHOD_PING;
        ping.ping = &message;
        size_t used = raw_pack_write(bytes, 1000 + first, out, 20000);
        used += raw_pack(bytes + used, &ping, 0);
        assert_int_equal(raw_send(&raw, bytes, first, NULL, 0), 0);
        struct raw other;
        guest_open(&other); /* the first piece has been read by now */
        guest_close(&other);
        assert_int_equal(raw_send(&raw, bytes + first, used - first, NULL, 0), 0);
        guest_is_told_both(&raw, 1000 + first, 2000 + first);
        check_came(ends[1], 20000);
    }
}

/* The id comes first and the write right behind it, or it is no write. */
static void what_only_looks_like_a_write(void **state) {
    static uint8_t body[MOST];
    static const struct {
        const char *what;
        uint8_t head[16];
        size_t n;
    } rows[] = {
        {"the write before the id", {0xfa, 1, 0x80, 0x20}, 4},
        {"something between them", {0x08, 1, 0x12, 0, 0xfa, 1}, 6},
        {"an id that is no varint", {0x09, 1, 0, 0, 0, 0, 0, 0, 0, 0xfa, 1}, 11},
        {"the method next to it", {0x08, 1, 0xf2, 1}, 4},
        {"an id without an end",
         {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
         14},
        {"zeroes", {0}, 1},
    };
    struct raw raw;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t head[RAW_HEADER];
        print_message("%s\n", rows[i].what);
        guest_open(&raw);
        memset(body, 0, sizeof(body));
        memcpy(body, rows[i].head, rows[i].n);
        raw_header(head, 5000, 0, 0);
        assert_int_equal(raw_send(&raw, head, sizeof(head), NULL, 0), 0);
        assert_int_equal(raw_send(&raw, body, 64, NULL, 0), 0); /* the rest never comes */
        guest_is_ended(&raw);
        guest_close(&raw);
    }
    guest_open(&raw);
    guest_is_served(&raw);
}

/* ---- bounds -------------------------------------------------------------------------------------------------------- */

static void bounds_of_reads(void **state) {
    struct raw raw;
    int ends[2];

    (void)state;
    guest_open(&raw);
    pair(ends);
    uint64_t in = wrap(&raw, ends[0], false);
    assert_int_equal(ask_read(&raw, in, 0), INVALID);
    assert_int_equal(ask_read(&raw, in, MOST + 1), INVALID);
    assert_int_equal(ask_read(&raw, in, UINT32_MAX), INVALID);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(ask_read(&raw, in, MOST), OK);
    assert_int_equal(ask_read(&raw, 0, 1), NOT_FOUND);
    assert_int_equal(ask_read(&raw, UINT64_MAX, 1), NOT_FOUND);
    assert_int_equal(ask_read(&raw, in + 8, 1), NOT_FOUND);
}

static void bounds_of_wraps(void **state) {
    struct raw raw;
    char name[300];
    int ends[2];

    (void)state;
    guest_open(&raw);
    pair(ends);
    assert_int_equal(wrap_with(&raw, 5, "", true, false, NULL, NULL), MISMATCH);
    assert_int_equal(wrap_with(&raw, -1, "", true, false, ends, NULL), INVALID);
    assert_int_equal(wrap_with(&raw, (int64_t)INT32_MAX + 1, "", true, false, ends, NULL), INVALID);
    assert_int_equal(wrap_with(&raw, INT64_MIN, "", true, false, ends, NULL), INVALID);
    assert_int_equal(wrap_with(&raw, 5, "", false, false, ends, NULL), INVALID);
    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    assert_int_equal(wrap_with(&raw, 5, name, true, false, ends, NULL), INVALID);
    assert_int_equal(wrap_with(&raw, 5, "\xed\xa0\x80", true, false, ends, NULL), INVALID);
    name[255] = '\0';
    assert_int_equal(wrap_with(&raw, INT32_MAX, name, true, false, ends, NULL), OK);
    /* Two descriptors with a call that takes one, one with a call that takes none. */
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapSocket socket = PORTD__V1__WRAP_SOCKET__INIT;
    Portd__V1__Close close = PORTD__V1__CLOSE__INIT;
    request.method_case = PORTD__V1__REQUEST__METHOD_SOCKET_TO_PORT;
    request.socket_to_port = &socket;
    assert_int_equal(raw_code(raw_ask_fds(&raw, &request, ends, 2)), MISMATCH);
    request.method_case = PORTD__V1__REQUEST__METHOD_CLOSE;
    request.close = &close;
    assert_int_equal(raw_code(raw_ask_fds(&raw, &request, ends, 1)), MISMATCH);
    fixture_until_fds(fixture_broker(), 2);
}

/* ---- in flight ----------------------------------------------------------------------------------------------------- */

static bool ask_cancel(struct raw *raw, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;

    cancel.request = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    request.cancel = &cancel;
    raw_reply *reply = raw_ask(raw, &request);
    assert_true(reply && !reply->error);
    bool found = reply->cancel->found;
    raw_free(reply);
    return found;
}

/* The read is answered before its cancel. */
static void cancels(void **state) {
    struct raw raw, joined;
    int ends[2];

    (void)state;
    guest_open(&raw);
    guest_join(&joined, &raw);
    pair(ends);
    uint64_t in = wrap(&raw, ends[0], false);
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Cancel cancel = PORTD__V1__CANCEL__INIT;
    cancel.request = 900;
    request.id = 901;
    request.method_case = PORTD__V1__REQUEST__METHOD_CANCEL;
    request.cancel = &cancel;
    start_read(&raw, 900, in);
    assert_false(ask_cancel(&joined, 900)); /* another connection's requests are its own */
    assert_int_equal(raw_send_request(&raw, &request, NULL, 0), 0);
    guest_is_told(&raw, 900, CANCELLED);
    guest_is_told(&raw, 901, OK);
    assert_int_equal(write(ends[1], "x", 1), 1);
    start_read(&raw, 902, in);
    guest_is_told(&raw, 902, OK);
    assert_false(ask_cancel(&raw, 902));
    start_read(&raw, 903, in);
    start_read(&raw, 903, in); /* an id in flight */
    guest_is_ended(&raw);
    guest_is_served(&joined);
}

/* Reads that are in flight leave the window open, so that what ends them gets through. */
static void inflight_reads_do_not_count(void **state) {
    struct raw raw;
    int ends[2];

    (void)state;
    guest_open(&raw);
    pair(ends);
    uint64_t in = wrap(&raw, ends[0], false);
    for (uint64_t i = 0; i < 3 * (uint64_t)raw.window; i++)
        start_read(&raw, 10000 + i, in);
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Close close = PORTD__V1__CLOSE__INIT;
    close.id = in;
    request.id = 9;
    request.method_case = PORTD__V1__REQUEST__METHOD_CLOSE;
    request.close = &close;
    assert_int_equal(raw_send_request(&raw, &request, NULL, 0), 0);
    for (uint64_t i = 0; i < 3 * (uint64_t)raw.window; i++)
        guest_is_told(&raw, 10000 + i, PORTD__V1__CODE__CODE_CLOSED);
    guest_is_told(&raw, 9, OK);
}

/* What is in flight when a client goes is given back. */
static void a_client_that_goes(void **state) {
    static uint8_t frame[RAW_HEADER + RAW_WRITE_MAX];
    struct raw raw, other;
    uint64_t limit;
    int ends[2];

    (void)state;
    guest_open(&other);
    uint64_t before = guest_quota(&other, "bytes", &limit);
    for (int round = 0; round < 3; round++) {
        guest_open(&raw);
        pair(ends);
        uint64_t in = wrap(&raw, ends[0], false), out = wrap(&raw, ends[0], true);
        for (uint64_t i = 0; i < 50; i++) {
            start_read(&raw, 500 + i, in);
            send_long(&raw, frame, raw_pack_write(frame, 600 + i, out, MOST));
        }
        guest_is_served(&raw);
        assert_true(guest_quota(&other, "waits", &limit) > 50);
        assert_true(guest_quota(&other, "bytes", &limit) > before + MOST);
        guest_close(&raw);
        fixture_close(ends[0]);
        fixture_close(ends[1]);
        fixture_until_fds(fixture_broker(), 1);
        assert_int_equal(guest_quota(&other, "waits", &limit), 0);
        assert_int_equal(guest_quota(&other, "bytes", &limit), before);
    }
}

/* With one end of a pipe, and for 1 to 2^30 bytes. */
static void bounds_of_splices(void **state) {
    struct raw raw;
    int ends[2], own[2];

    (void)state;
    guest_open(&raw);
    pair(ends);
    assert_int_equal(pipe2(own, O_CLOEXEC), 0);
    (void)fixture_own(own[0]);
    (void)fixture_own(own[1]);
    uint64_t in = wrap(&raw, ends[0], false);
    assert_int_equal(write(ends[1], "ab", 2), 2);
    assert_int_equal(ask_splice(&raw, in, 0, 1, NULL, 0), MISMATCH);
    assert_int_equal(ask_splice(&raw, in, 0, 1, own, 2), MISMATCH);
    assert_int_equal(ask_splice(&raw, in, 0, 1, &own[0], 1), INVALID);
    assert_int_equal(ask_splice(&raw, in, 0, 0, &own[1], 1), INVALID);
    assert_int_equal(ask_splice(&raw, in, 2, 1, &own[1], 1), INVALID);
    assert_int_equal(ask_splice(&raw, in, 0, (UINT64_C(1) << 30) + 1, &own[1], 1), INVALID);
    assert_int_equal(ask_splice(&raw, in + 8, 0, 1, &own[1], 1), NOT_FOUND);
    assert_int_equal(ask_splice(&raw, in, 1, 1, &own[1], 1), OK);
    assert_int_equal(ask_splice(&raw, in, 0, UINT64_C(1) << 30, &own[1], 1), OK);
    guest_close(&raw);
    fixture_until_fds(fixture_broker(), 0);
}

TEST_MAIN(FIXTURE_CASE(writes_of_every_length), FIXTURE_CASE(bounds_of_splices),
          FIXTURE_CASE(a_long_write_in_pieces), FIXTURE_CASE(what_only_looks_like_a_write),
          FIXTURE_CASE(bounds_of_reads), FIXTURE_CASE(bounds_of_wraps), FIXTURE_CASE(cancels),
          FIXTURE_CASE(inflight_reads_do_not_count), FIXTURE_CASE(a_client_that_goes))
