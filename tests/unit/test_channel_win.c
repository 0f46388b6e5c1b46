/* test_channel_win.c: frames over a named pipe, whose writes may be in flight. What channels do with bytes is tested on Unix. */
#include "tests/support/test.h"

#include "proto/channel.h"
#include "tests/support/line.h"
#include "tests/support/native.h"

struct ends {
    struct transport transport[2]; /* the server's, the client's */
    struct channel_scratch scratch[2];
    struct channel channel[2];
    size_t discarded;
};

static void discard(void *context, os_fd fd) {
    struct ends *ends = context;

    assert_true(native_is_open(fd));
    os_close(fd);
    ends->discarded++;
}

static void ends_open(struct ends *ends) {
    ends->discarded = 0;
    line_open(&ends->transport[0], &ends->transport[1]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(channel_scratch_init(&ends->scratch[i]), 0);
        channel_init(&ends->channel[i], ends->transport[i], &ends->scratch[i], FRAME_LONG_MAX);
    }
}

static void ends_close(struct ends *ends) {
    for (int i = 0; i < 2; i++) {
        channel_deinit(&ends->channel[i], discard, ends);
        channel_scratch_deinit(&ends->scratch[i]);
        transport_close(ends->transport[i]);
    }
}

static void put(struct channel *channel, size_t length, int filling) {
    uint8_t *body = channel_put(channel, length);

    assert_non_null(body);
    memset(body, filling, length);
}

/* The next frame: reads for it, and lets the other end send, as often as that takes. */
static void expect(struct ends *ends, int at, size_t length, int filling, size_t n_fds) {
    struct channel *channel = &ends->channel[at];
    static struct channel_frame frame;
    int r;

    while ((r = channel_next(channel, &frame)) == 0) {
        assert_int_equal(channel_rest(channel), 0);
        assert_int_equal(channel_flush(&ends->channel[!at]), 0);
        line_await(transport_pollable(ends->transport[at]));
        assert_true(channel_fill(channel, discard, ends) >= 0);
    }
    assert_int_equal(r, 1);
    assert_int_equal(frame.length, length);
    assert_int_equal(frame.body[0], (uint8_t)filling);
    assert_int_equal(frame.body[length - 1], (uint8_t)filling);
    assert_int_equal(frame.n_fds, n_fds);
    assert_false(frame.mismatch);
    for (size_t i = 0; i < frame.n_fds; i++)
        os_close(frame.fds[i]);
}

/* Until a write is in flight, and then some more. Returns the number of frames. */
static int put_until_blocked(struct channel *channel) {
    int n = 0;

    do {
        put(channel, (size_t)(5000 + n), n);
        n++;
        assert_int_equal(channel_flush(channel), 0);
    } while (channel_pending(channel) == 0);
    for (int more = 0; more < 50; more++, n++)
        put(channel, (size_t)(5000 + n), n);
    return n;
}

static void everything_comes_in_order(void **state) {
    struct ends ends;

    (void)state;
    for (int from = 0; from < 2; from++) {
        ends_open(&ends);
        int n = put_until_blocked(&ends.channel[from]);
        for (int i = 0; i < n; i++)
            expect(&ends, !from, (size_t)(5000 + i), i, 0);
        assert_int_equal(channel_flush(&ends.channel[from]), 0); /* told of the last one */
        assert_int_equal(channel_pending(&ends.channel[from]), 0);
        assert_int_equal(channel_memory(&ends.channel[from]), 0);
        ends_close(&ends);
    }
}

static void descriptors_wait_behind_what_is_in_flight(void **state) {
    struct ends ends;

    (void)state;
    for (int from = 0; from < 2; from++) {
        os_fd two[2] = {native_null(), native_null()};
        ends_open(&ends);
        put(&ends.channel[!from], 3, 'h'); /* a broker gives nothing to a client of which it knows nothing */
        expect(&ends, from, 3, 'h', 0);
        int n = put_until_blocked(&ends.channel[from]);
        assert_int_equal(channel_put_fds(&ends.channel[from], (const uint8_t *)"dd", 2, two, 2), 0);
        assert_int_equal(channel_put_fds(&ends.channel[from], (const uint8_t *)"ee", 2, two, 1), -EBUSY);
        assert_int_equal(channel_fds_held(&ends.channel[from]), 2);
        os_close(two[0]); /* borrowed */
        os_close(two[1]);
        put(&ends.channel[from], 5, 'f');
        for (int i = 0; i < n; i++)
            expect(&ends, !from, (size_t)(5000 + i), i, 0);
        expect(&ends, !from, 2, 'd', 2);
        expect(&ends, !from, 5, 'f', 0);
        assert_int_equal(channel_flush(&ends.channel[from]), 0);
        assert_int_equal(channel_pending(&ends.channel[from]), 0);
        assert_int_equal(ends.channel[from].passed, 2);
        ends_close(&ends);
        assert_int_equal(ends.discarded, 0);
    }
}

/* The frame with descriptors is itself in flight: they are passed once. */
static void a_long_frame_with_descriptors_may_be_in_flight(void **state) {
    static uint8_t body[FRAME_LONG_MAX];
    struct ends ends;
    os_fd fd = native_null();

    (void)state;
    memset(body, 'l', sizeof(body));
    for (int from = 0; from < 2; from++) {
        ends_open(&ends);
        put(&ends.channel[!from], 3, 'h');
        expect(&ends, from, 3, 'h', 0);
        for (int i = 0; i < 5; i++) {
            int r = channel_put_fds(&ends.channel[from], body, sizeof(body), &fd, 1);
            assert_true(r == 0 || r == -EBUSY);
            if (r == 0)
                expect(&ends, !from, sizeof(body), 'l', 1);
            assert_int_equal(channel_flush(&ends.channel[from]), 0);
        }
        put(&ends.channel[from], 60000, 'a'); /* less room than it takes */
        put(&ends.channel[from], 60000, 'b');
        assert_int_equal(channel_flush(&ends.channel[from]), 0);
        assert_int_equal(channel_put_fds(&ends.channel[from], body, sizeof(body), &fd, 1), 0);
        put(&ends.channel[from], 4, 'm');
        expect(&ends, !from, 60000, 'a', 0);
        expect(&ends, !from, 60000, 'b', 0);
        expect(&ends, !from, sizeof(body), 'l', 1);
        expect(&ends, !from, 4, 'm', 0);
        ends_close(&ends);
    }
    os_close(fd);
}

static void a_reader_that_is_lost_is_told(void **state) {
    struct ends ends;
    os_fd fd = native_null();

    (void)state;
    ends_open(&ends);
    (void)put_until_blocked(&ends.channel[1]);
    assert_int_equal(channel_put_fds(&ends.channel[1], (const uint8_t *)"x", 1, &fd, 1), 0);
    transport_close(ends.transport[0]);
    ends.transport[0] = transport_none();
    line_await(transport_pollable(ends.transport[1]));
    assert_int_equal(channel_flush(&ends.channel[1]), -EPIPE);
    ends_close(&ends);
    assert_int_equal(ends.discarded, 1);
    os_close(fd);
}

/* Other bytes than those in flight would be taken for sent. */
static void what_is_in_flight_is_not_taken_back(void **state) {
    static uint8_t bytes[200000], others[200000] = {1};
    struct transport server, client;
    ptrdiff_t n;

    (void)state;
    line_open(&server, &client);
    do
        n = transport_send(client, bytes, sizeof(bytes), NULL, 0);
    while (n > 0);
    assert_int_equal(n, -EAGAIN);
    assert_int_equal(transport_send(client, others, sizeof(others), NULL, 0), -EPROTO);
    assert_int_equal(transport_send(client, bytes, 1, NULL, 0), -EPROTO);
    assert_int_equal(transport_send(client, bytes, sizeof(bytes), NULL, 0), -EAGAIN);
    transport_close(client);
    transport_close(server);
}

TEST_MAIN(TEST_CASE(everything_comes_in_order), TEST_CASE(descriptors_wait_behind_what_is_in_flight),
          TEST_CASE(a_long_frame_with_descriptors_may_be_in_flight), TEST_CASE(a_reader_that_is_lost_is_told),
          TEST_CASE(what_is_in_flight_is_not_taken_back))
