/* test_channel_send.c: queued frames, with and without descriptors. Receiving is in test_channel.c. */
#include "tests/support/wire.h"

#include <sys/resource.h>

static void put(struct wire *wire, size_t length, int filling) {
    uint8_t *body = channel_put(&wire->channel, length);

    assert_non_null(body);
    memset(body, filling, length);
}

/* Frames and descriptors as they come out of the far end, in one channel of its own. */
static void reader_open(struct wire *reader, const struct wire *wire) {
    reader->near = wire->far;
    reader->far = OS_FD_NONE;
    reader->discarded = 0;
    assert_int_equal(channel_scratch_init(&reader->scratch), 0);
    channel_init(&reader->channel, on_socket(reader->near), &reader->scratch, FRAME_LONG_MAX);
}

static void reader_close(struct wire *reader) {
    channel_deinit(&reader->channel, discard, reader);
    channel_scratch_deinit(&reader->scratch);
}

static void what_waits_goes_out_in_one_call(void **state) {
    uint8_t bytes[64];
    struct wire wire, reader;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    put(&wire, 3, 'a');
    put(&wire, 5, 'b');
    assert_int_equal(channel_pending(&wire.channel), 2 * FRAME_HEADER + 8);
    assert_int_equal(recv(wire.far, bytes, sizeof(bytes), MSG_DONTWAIT), -1);
    assert_int_equal(channel_flush(&wire.channel), 0);
    assert_int_equal(channel_pending(&wire.channel), 0);
    assert_int_equal(channel_memory(&wire.channel), 0);
    assert_int_equal(fill(&reader), 1);
    expect_frame(&reader, 3, 'a', 0, false);
    expect_frame(&reader, 5, 'b', 0, false);
    expect_idle(&reader);
    assert_int_equal(channel_flush(&wire.channel), 0); /* nothing waits */
    reader_close(&reader);
    wire_close(&wire);
}

static void what_waits_goes_out_in_pieces(void **state) {
    struct wire wire, reader;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    wire.channel.piece = 100;
    put(&wire, 250 - FRAME_HEADER, 'a');
    put(&wire, 50 - FRAME_HEADER, 'b');
    assert_int_equal(channel_flush(&wire.channel), 0);
    assert_int_equal(channel_pending(&wire.channel), 0);
    assert_int_equal(wire.channel.sent, 300);
    assert_int_equal(wire.channel.sends, 3);
    assert_int_equal(fill(&reader), 1);
    expect_frame(&reader, 250 - FRAME_HEADER, 'a', 0, false);
    expect_frame(&reader, 50 - FRAME_HEADER, 'b', 0, false);
    expect_idle(&reader);
    reader_close(&reader);
    wire_close(&wire);
}

static void the_buffer_is_lent_and_comes_back(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    put(&wire, 3, 'a');
    assert_int_equal(channel_flush(&wire.channel), 0);
    uint8_t *spare = wire.scratch.spare;
    assert_non_null(spare);
    put(&wire, 3, 'b');
    assert_null(wire.scratch.spare);
    assert_ptr_equal(wire.channel.out, spare);
    assert_int_equal(channel_flush(&wire.channel), 0);
    assert_ptr_equal(wire.scratch.spare, spare);
    put(&wire, FRAME_LONG_MAX, 'c'); /* more than it holds: the larger one stays */
    channel_trim(&wire.channel, 0);
    assert_true(wire.scratch.spare_capacity >= FRAME_LONG_MAX);
    assert_int_equal(channel_memory(&wire.channel), 0);
    wire_close(&wire);
}

static void of_two_buffers_the_larger_is_kept(void **state) {
    struct wire one, two;

    (void)state;
    wire_open(&one, FRAME_REQUEST_MAX);
    wire_open(&two, FRAME_REQUEST_MAX);
    two.channel.scratch = &one.scratch;
    put(&one, FRAME_LONG_MAX, 'a');
    put(&two, 3, 'b');
    channel_trim(&one.channel, 0);
    size_t capacity = one.scratch.spare_capacity;
    assert_true(capacity >= FRAME_LONG_MAX);
    assert_int_equal(channel_flush(&two.channel), 0);
    assert_int_equal(one.scratch.spare_capacity, capacity);
    assert_int_equal(channel_memory(&two.channel), 0);
    two.channel.scratch = &two.scratch;
    wire_close(&two);
    wire_close(&one);
}

static void a_frame_can_be_shortened_or_taken_back(void **state) {
    struct wire wire, reader;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    put(&wire, 100, 'a');
    channel_trim(&wire.channel, 7);
    put(&wire, 100, 'b');
    channel_trim(&wire.channel, 0);
    put(&wire, 9, 'c');
    channel_trim(&wire.channel, 9);
    assert_int_equal(channel_pending(&wire.channel), 2 * FRAME_HEADER + 16);
    assert_int_equal(channel_flush(&wire.channel), 0);
    assert_int_equal(fill(&reader), 1);
    expect_frame(&reader, 7, 'a', 0, false);
    expect_frame(&reader, 9, 'c', 0, false);
    expect_idle(&reader);
    assert_null(channel_put(&wire.channel, FRAME_LONG_MAX + 1));
    assert_int_equal(channel_pending(&wire.channel), 0);
    reader_close(&reader);
    wire_close(&wire);
}

/* Puts frames of rising lengths until the other end takes no more. Returns their number. */
static int put_until_blocked(struct wire *wire) {
    int small = 1;
    int n = 0;

    assert_return_code(setsockopt(wire->near, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), errno);
    do {
        put(wire, (size_t)(500 + n), n);
        n++;
        assert_int_equal(channel_flush(&wire->channel), 0);
    } while (channel_pending(&wire->channel) == 0);
    for (int more = 0; more < 50; more++, n++)
        put(wire, (size_t)(500 + n), n);
    assert_true(n < 256);
    return n;
}

/* Reads and flushes in turn until `n` frames of put_until_blocked from number `from` on have come. */
static void expect_blocked_frames(struct wire *wire, struct wire *reader, int from, int n) {
    for (int i = from; i < n; i++) {
        while (!channel_has_frame(&reader->channel)) {
            assert_int_equal(channel_flush(&wire->channel), 0);
            assert_int_equal(fill(reader), 1);
        }
        expect_frame(reader, (size_t)(500 + i), i, 0, false);
    }
}

static void a_slow_reader_gets_everything_in_order(void **state) {
    struct wire wire, reader;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    int n = put_until_blocked(&wire);
    assert_true(channel_memory(&wire.channel) >= channel_pending(&wire.channel));
    expect_blocked_frames(&wire, &reader, 0, n);
    expect_idle(&reader);
    assert_int_equal(channel_pending(&wire.channel), 0);
    assert_int_equal(channel_memory(&wire.channel), 0);
    reader_close(&reader);
    wire_close(&wire);
}

/* Long frames go out in parts while others are put behind them, so the buffer is moved and grown with half-sent bytes. */
static void frames_may_be_put_while_others_go_out(void **state) {
    struct wire wire, reader;
    int next = 0;
    int small = 1;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    assert_return_code(setsockopt(wire.near, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), errno);
    for (int i = 0; i < 200; i++) {
        put(&wire, i % 20 == 0 ? FRAME_LONG_MAX : (size_t)(1000 + 37 * i), i);
        assert_int_equal(channel_flush(&wire.channel), 0);
        while (next < (i < 150 ? i - i % 15 : i + 1)) { /* behind by more and less, in the end by nothing */
            while (!channel_has_frame(&reader.channel)) {
                assert_int_equal(fill(&reader), 1);
                assert_int_equal(channel_rest(&reader.channel), 0);
                assert_int_equal(channel_flush(&wire.channel), 0);
            }
            expect_frame(&reader, next % 20 == 0 ? FRAME_LONG_MAX : (size_t)(1000 + 37 * next), next, 0,
                         false);
            next++;
        }
    }
    expect_idle(&reader);
    assert_int_equal(channel_memory(&wire.channel), 0);
    reader_close(&reader);
    wire_close(&wire);
}

static void descriptors_are_sent_behind_what_waits(void **state) {
    struct wire wire, reader;
    os_fd fds[2];

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    fds[0] = fds[1] = wire.near;
    put(&wire, 3, 'a');
    assert_int_equal(channel_put_fds(&wire.channel, (const uint8_t *)"bb", 2, fds, 2), 0);
    assert_int_equal(channel_pending(&wire.channel), 0);
    assert_int_equal(channel_fds_held(&wire.channel), 0);
    put(&wire, 3, 'c');
    assert_int_equal(channel_flush(&wire.channel), 0);
    assert_int_equal(fill(&reader), 1);
    expect_frame(&reader, 3, 'a', 0, false);
    expect_frame(&reader, 2, 'b', 2, false);
    expect_none(&reader);
    assert_int_equal(fill(&reader), 1);
    expect_frame(&reader, 3, 'c', 0, false);
    expect_idle(&reader);
    reader_close(&reader);
    wire_close(&wire);
}

static void descriptors_wait_as_copies_while_the_reader_is_slow(void **state) {
    struct wire wire, reader;
    os_fd fds[2];

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    fds[0] = dup(wire.near);
    fds[1] = wire.near;
    int n = put_until_blocked(&wire);
    size_t waiting = channel_pending(&wire.channel);
    assert_int_equal(channel_put_fds(&wire.channel, (const uint8_t *)"dd", 2, fds, 2), 0);
    os_close(fds[0]); /* borrowed: the copies are enough */
    assert_int_equal(channel_fds_held(&wire.channel), 2);
    assert_int_equal(channel_put_fds(&wire.channel, (const uint8_t *)"ee", 2, fds + 1, 1), -EBUSY);
    assert_int_equal(channel_pending(&wire.channel), waiting + FRAME_HEADER + 2);
    put(&wire, 5, 'f');
    expect_blocked_frames(&wire, &reader, 0, n);
    assert_int_equal(channel_rest(&reader.channel), 0);
    assert_int_equal(channel_flush(&wire.channel), 0);
    assert_int_equal(channel_fds_held(&wire.channel), 0);
    if (!channel_has_frame(&reader.channel))
        assert_int_equal(fill(&reader), 1);
    expect_frame(&reader, 2, 'd', 2, false);
    expect_none(&reader);
    assert_int_equal(fill(&reader), 1);
    expect_frame(&reader, 5, 'f', 0, false);
    expect_idle(&reader);
    assert_int_equal(channel_memory(&wire.channel), 0);
    reader_close(&reader);
    wire_close(&wire);
}

static void a_long_frame_with_descriptors_may_go_in_parts(void **state) {
    static uint8_t body[FRAME_LONG_MAX];
    struct wire wire, reader;
    int small = 1;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    assert_return_code(setsockopt(wire.near, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), errno);
    memset(body, 'l', sizeof(body));
    assert_int_equal(channel_put_fds(&wire.channel, body, sizeof(body), &wire.near, 1), 0);
    assert_true(channel_pending(&wire.channel) > 0);
    assert_int_equal(channel_fds_held(&wire.channel), 0);
    put(&wire, 4, 'm');
    while (!channel_has_frame(&reader.channel)) {
        assert_int_equal(fill(&reader), 1);
        assert_int_equal(channel_flush(&wire.channel), 0);
    }
    expect_frame(&reader, sizeof(body), 'l', 1, false);
    while (!channel_has_frame(&reader.channel))
        assert_int_equal(fill(&reader), 1);
    expect_frame(&reader, 4, 'm', 0, false);
    expect_idle(&reader);
    reader_close(&reader);
    wire_close(&wire);
}

static void descriptors_that_cannot_be_sent_change_nothing(void **state) {
    struct rlimit before, tight;
    struct wire wire;
    os_fd bad[2] = {0, 4000};
    uint8_t byte = 'x';

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 1, bad, 2), -EBADF);
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 1, bad, 0), -EINVAL);
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 1, bad, FRAME_FDS_ROOM), -EINVAL);
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 0, bad, 1), -EINVAL);
    assert_int_equal(channel_pending(&wire.channel), 0);
    assert_int_equal(channel_memory(&wire.channel), 0);
    put_until_blocked(&wire);
    size_t waiting = channel_pending(&wire.channel);
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 1, bad, 2), -EBADF);
    bad[0] = wire.near;
    bad[1] = dup(wire.near);
    os_close(bad[1]); /* the copy of the first gets this number */
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 1, bad, 2), -EBADF);
    assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
    tight = before;
    tight.rlim_cur = (rlim_t)wire.far + 1;
    bad[1] = wire.near;
    assert_return_code(setrlimit(RLIMIT_NOFILE, &tight), errno);
    int r = channel_put_fds(&wire.channel, &byte, 1, bad, 2);
    assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
    assert_true(r == -EMFILE || r == -EINVAL);
    assert_int_equal(channel_pending(&wire.channel), waiting);
    assert_int_equal(channel_fds_held(&wire.channel), 0);
    wire_close(&wire);
}

static void without_memory_nothing_is_put(void **state) {
    size_t left = 10;
    struct memory memory = {wire_allocate, &left};
    struct wire wire;
    uint8_t byte = 'x';

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    channel_scratch_deinit(&wire.scratch);
    left = 0;
    assert_int_equal(channel_scratch_init_in(&wire.scratch, &memory), -ENOMEM);
    left = 10;
    assert_int_equal(channel_scratch_init_in(&wire.scratch, &memory), 0);
    left = 0;
    assert_null(channel_put(&wire.channel, 4));
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 1, &wire.near, 1), -ENOMEM);
    assert_int_equal(channel_memory(&wire.channel), 0);
    left = 50;
    put_until_blocked(&wire);
    size_t waiting = channel_pending(&wire.channel);
    left = 0;
    assert_null(channel_put(&wire.channel, FRAME_LONG_MAX));
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 1, &wire.near, 1), -ENOMEM);
    assert_int_equal(channel_pending(&wire.channel), waiting);
    assert_int_equal(channel_fds_held(&wire.channel), 0);
    wire_close(&wire);
    assert_int_equal(wire.discarded, 0);
}

static void a_lost_reader_is_told_by_flush(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    os_close(wire.far);
    wire.far = OS_FD_NONE;
    put(&wire, 4, 'a');
    assert_int_equal(channel_flush(&wire.channel), -EPIPE); /* and no signal */
    wire_close(&wire);
}

static void deinit_discards_descriptors_that_wait(void **state) {
    struct wire wire;
    uint8_t byte = 'x';

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    put_until_blocked(&wire);
    assert_int_equal(channel_put_fds(&wire.channel, &byte, 1, &wire.near, 1), 0);
    wire_close(&wire);
    assert_int_equal(wire.discarded, 1);
}

/* What the kernel does not pass on is taken back; what is behind it, and what comes later, is not touched. */
static void a_frame_that_cannot_be_passed_on_is_taken_back(void **state) {
    struct wire wire, reader;
    uint8_t bytes[1000] = {0};
    ptrdiff_t sent;
    size_t n = 0, n_fds;
    bool truncated;
    os_fd fds[FRAME_FDS_ROOM];

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    reader_open(&reader, &wire);
    while ((sent = on_socket_send(wire.near, bytes, sizeof(bytes), NULL, 0)) > 0)
        n += (size_t)sent;
    assert_int_equal(channel_put_fds(&wire.channel, (const uint8_t *)"fd", 2, &wire.near, 1), 0);
    put(&wire, 5, 'z');
    assert_int_equal(channel_flush(&wire.channel), 0);
    assert_int_equal(channel_fds_held(&wire.channel), 1);
    channel_skip_fds(&wire.channel);
    assert_int_equal(channel_fds_held(&wire.channel), 0);
    assert_int_equal(wire.channel.passed, 0);
    while (n > 0) {
        sent =
            on_socket_recv(wire.far, bytes, n < sizeof(bytes) ? n : sizeof(bytes), fds, &n_fds, &truncated);
        assert_true(sent > 0 && n_fds == 0);
        n -= (size_t)sent;
    }
    assert_int_equal(channel_put_fds(&wire.channel, (const uint8_t *)"gg", 2, &wire.near, 1), 0);
    assert_int_equal(wire.channel.passed, 1);
    for (int frames = 0; frames < 2; frames++) {
        while (!channel_has_frame(&reader.channel))
            assert_int_equal(fill(&reader), 1);
        expect_frame(&reader, frames ? 2 : 5, frames ? 'g' : 'z', (size_t)frames, false);
    }
    expect_idle(&reader);
    assert_int_equal(channel_memory(&wire.channel), 0);
    reader_close(&reader);
    wire_close(&wire);
}

TEST_MAIN(TEST_CASE(what_waits_goes_out_in_one_call), TEST_CASE(what_waits_goes_out_in_pieces),
          TEST_CASE(the_buffer_is_lent_and_comes_back), TEST_CASE(of_two_buffers_the_larger_is_kept),
          TEST_CASE(a_frame_can_be_shortened_or_taken_back),
          TEST_CASE(a_slow_reader_gets_everything_in_order), TEST_CASE(frames_may_be_put_while_others_go_out),
          TEST_CASE(descriptors_are_sent_behind_what_waits),
          TEST_CASE(descriptors_wait_as_copies_while_the_reader_is_slow),
          TEST_CASE(a_long_frame_with_descriptors_may_go_in_parts),
          TEST_CASE(descriptors_that_cannot_be_sent_change_nothing), TEST_CASE(without_memory_nothing_is_put),
          TEST_CASE(a_frame_that_cannot_be_passed_on_is_taken_back),
          TEST_CASE(a_lost_reader_is_told_by_flush), TEST_CASE(deinit_discards_descriptors_that_wait))
