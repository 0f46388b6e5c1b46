/* test_channel.c: frames and their descriptors over a real pair of sockets. The other end is played by transport_send, so
 * that a case can attach descriptors where an honest sender would not. */
#include "tests/support/test.h"

#include "proto/channel.h"
#include "proto/transport.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct wire {
    int near, far;
    struct channel_scratch scratch;
    struct channel channel; /* on near */
    size_t discarded;
};

static void discard(void *context, os_fd fd) {
    struct wire *wire = context;

    assert_return_code(fcntl(fd, F_GETFD), errno);
    os_close(fd);
    wire->discarded++;
}

static void wire_open(struct wire *wire, size_t max) {
    int pair[2];

    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
    wire->near = pair[0];
    wire->far = pair[1];
    wire->discarded = 0;
    assert_int_equal(channel_scratch_init(&wire->scratch), 0);
    channel_init(&wire->channel, wire->near, &wire->scratch, max);
}

static void wire_close(struct wire *wire) {
    channel_deinit(&wire->channel, discard, wire);
    channel_scratch_deinit(&wire->scratch);
    os_close(wire->near);
    os_close(wire->far);
}

/* Writes a frame to bytes and returns its size; every byte of the body is `fill`. */
static size_t frame_write(uint8_t *bytes, size_t n_fds, size_t length, int fill) {
    frame_encode(bytes, (struct frame_header){.length = (uint32_t)length, .n_fds = (uint16_t)n_fds});
    memset(bytes + FRAME_HEADER, fill, length);
    return FRAME_HEADER + length;
}

/* Sends bytes from the far end, with n_fds copies of one descriptor attached. */
static void far_send(struct wire *wire, const void *bytes, size_t size, size_t n_fds) {
    os_fd fds[FRAME_FDS_ROOM];

    for (size_t i = 0; i < n_fds; i++)
        fds[i] = wire->far;
    assert_int_equal(transport_send(wire->far, bytes, size, fds, n_fds), size);
}

static void far_frame(struct wire *wire, size_t claimed, size_t attached, size_t length, int fill) {
    uint8_t bytes[FRAME_HEADER + FRAME_REQUEST_MAX];

    far_send(wire, bytes, frame_write(bytes, claimed, length, fill), attached);
}

static int fill(struct wire *wire) { return channel_fill(&wire->channel, discard, wire); }

/* Expects the next frame to be this one, and closes what came with it. */
static void expect_frame(struct wire *wire, size_t length, int filling, size_t n_fds, bool mismatch) {
    struct channel_frame frame;

    assert_int_equal(channel_next(&wire->channel, &frame), 1);
    assert_int_equal(frame.length, length);
    assert_int_equal(frame.body[0], filling);
    assert_int_equal(frame.body[length - 1], filling);
    assert_int_equal(frame.n_fds, n_fds);
    assert_int_equal(frame.mismatch, mismatch);
    for (size_t i = 0; i < frame.n_fds; i++) {
        assert_int_equal(fcntl(frame.fds[i], F_GETFD), FD_CLOEXEC);
        os_close(frame.fds[i]);
    }
}

static void expect_none(struct wire *wire) {
    struct channel_frame frame;

    assert_int_equal(channel_next(&wire->channel, &frame), 0);
    assert_int_equal(channel_rest(&wire->channel), 0);
}

static void expect_idle(struct wire *wire) {
    expect_none(wire);
    assert_int_equal(channel_memory(&wire->channel), 0);
    assert_int_equal(channel_fds_held(&wire->channel), 0);
    assert_null(wire->scratch.user);
}

static void frames_of_one_read_are_cut_in_order(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, 0, 0, 1, 'a');
    far_frame(&wire, 0, 0, FRAME_REQUEST_MAX, 'b');
    far_frame(&wire, 0, 0, 3, 'c');
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 1, 'a', 0, false);
    expect_frame(&wire, FRAME_REQUEST_MAX, 'b', 0, false);
    expect_frame(&wire, 3, 'c', 0, false);
    expect_idle(&wire);
    assert_int_equal(fill(&wire), 0);
    expect_idle(&wire);
    wire_close(&wire);
}

static void bytes_may_come_one_by_one(void **state) {
    uint8_t bytes[2 * FRAME_HEADER + 12];
    struct wire wire;
    size_t size = frame_write(bytes, 1, 7, 'x');

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    size += frame_write(bytes + size, 0, 5, 'y');
    for (size_t i = 0; i < size; i++) {
        far_send(&wire, bytes + i, 1, i == 0 ? 1 : 0);
        assert_int_equal(fill(&wire), 1);
        if (i + 1 == FRAME_HEADER + 7) {
            expect_frame(&wire, 7, 'x', 1, false);
            expect_idle(&wire);
        } else if (i + 1 < size) {
            expect_none(&wire);
            assert_true(channel_memory(&wire.channel) > 0);
            assert_int_equal(channel_fds_held(&wire.channel), i < FRAME_HEADER + 7 ? 1 : 0);
        }
    }
    expect_frame(&wire, 5, 'y', 0, false);
    expect_idle(&wire);
    wire_close(&wire);
}

static void the_longest_frame_fits_behind_half_a_frame(void **state) {
    static uint8_t bytes[2 * (FRAME_HEADER + FRAME_LONG_MAX)];
    struct wire wire;
    size_t sent = 0;
    int frames = 0;

    (void)state;
    wire_open(&wire, FRAME_LONG_MAX);
    frame_write(bytes, 0, FRAME_LONG_MAX, 'a');
    frame_write(bytes + sizeof(bytes) / 2, 0, FRAME_LONG_MAX, 'b');
    while (frames < 2) {
        struct channel_frame frame;
        if (sent < sizeof(bytes)) {
            ptrdiff_t n = transport_send(wire.far, bytes + sent, sizeof(bytes) - sent, NULL, 0);
            sent += n > 0 ? (size_t)n : 0;
        }
        assert_int_equal(fill(&wire), 1);
        for (; channel_next(&wire.channel, &frame) == 1; frames++) {
            assert_int_equal(frame.length, FRAME_LONG_MAX);
            assert_int_equal(frame.body[FRAME_LONG_MAX - 1], frames == 0 ? 'a' : 'b');
        }
        assert_int_equal(channel_rest(&wire.channel), 0);
    }
    expect_idle(&wire);
    wire_close(&wire);
}

static void descriptors_come_with_their_frame(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, 0, 0, 4, 'a');
    far_frame(&wire, 2, 2, 4, 'b'); /* the kernel puts this one behind the one before, in one read */
    far_frame(&wire, 0, 0, 4, 'c');
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'a', 0, false);
    expect_frame(&wire, 4, 'b', 2, false);
    expect_none(&wire);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'c', 0, false);
    expect_idle(&wire);
    assert_int_equal(wire.discarded, 0);
    wire_close(&wire);
}

static void a_false_claim_does_not_take_the_next_frames_descriptor(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, 1, 0, 4, 'a');
    far_frame(&wire, 1, 1, 4, 'b');
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'a', 0, true);
    expect_frame(&wire, 4, 'b', 1, false);
    expect_idle(&wire);
    wire_close(&wire);
}

static void descriptors_nobody_claimed_are_handed_out_as_a_mismatch(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, 0, 3, 4, 'a');
    far_frame(&wire, 2, 1, 4, 'b');
    far_frame(&wire, 0, 0, 4, 'c');
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'a', 3, true);
    expect_none(&wire);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'b', 1, true);
    expect_none(&wire);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'c', 0, false);
    expect_idle(&wire);
    wire_close(&wire);
}

/* The first half of a frame is read before the second comes with descriptors. */
static void half_then_half_with(struct wire *wire, size_t claimed, size_t first, size_t second) {
    uint8_t bytes[FRAME_HEADER + 8];
    size_t size = frame_write(bytes, claimed, 8, 'h');

    far_send(wire, bytes, 10, first);
    assert_int_equal(fill(wire), 1);
    expect_none(wire);
    far_send(wire, bytes + 10, size - 10, second);
    assert_int_equal(fill(wire), 1);
}

static void descriptors_in_the_middle_of_a_frame_are_discarded(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    half_then_half_with(&wire, 0, 0, 2);
    assert_int_equal(wire.discarded, 2);
    expect_frame(&wire, 8, 'h', 0, true);
    expect_idle(&wire);
    half_then_half_with(&wire, 1, 0, 1);
    assert_int_equal(wire.discarded, 3);
    expect_frame(&wire, 8, 'h', 0, true);
    expect_idle(&wire);
    half_then_half_with(&wire, 1, 1, 1); /* one where it belongs does not excuse the other */
    assert_int_equal(wire.discarded, 4);
    expect_frame(&wire, 8, 'h', 1, true);
    expect_idle(&wire);
    far_frame(&wire, 0, 0, 4, 'n');
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'n', 0, false);
    expect_idle(&wire);
    wire_close(&wire);
}

static void a_header_in_two_reads_keeps_its_descriptors(void **state) {
    uint8_t bytes[FRAME_HEADER + 8];
    struct wire wire;
    size_t size = frame_write(bytes, 2, 8, 'h');

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_send(&wire, bytes, 3, 2);
    assert_int_equal(fill(&wire), 1);
    expect_none(&wire);
    assert_int_equal(channel_fds_held(&wire.channel), 2);
    far_send(&wire, bytes + 3, size - 3, 0);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 8, 'h', 2, false);
    expect_idle(&wire);
    wire_close(&wire);
}

static void a_read_that_ends_one_frame_and_begins_another_is_the_seconds(void **state) {
    uint8_t bytes[2 * (FRAME_HEADER + 8)];
    struct wire wire;
    size_t size = frame_write(bytes, 1, 8, 'a');

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    size += frame_write(bytes + size, 2, 8, 'b');
    far_send(&wire, bytes, 12, 1);
    assert_int_equal(fill(&wire), 1);
    expect_none(&wire);
    far_send(&wire, bytes + 12, size - 12 - 4, 2);
    assert_int_equal(fill(&wire), 1);
    assert_int_equal(channel_fds_held(&wire.channel), 3);
    expect_frame(&wire, 8, 'a', 1, false);
    expect_none(&wire);
    assert_int_equal(channel_fds_held(&wire.channel), 2);
    far_send(&wire, bytes + size - 4, 4, 0);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 8, 'b', 2, false);
    expect_idle(&wire);
    wire_close(&wire);
}

static void as_many_descriptors_as_the_kernel_passes_are_handed_out(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, FRAME_FDS_MAX, FRAME_FDS_MAX, 4, 'a');
    far_frame(&wire, FRAME_FDS_MAX, FRAME_FDS_ROOM, 4, 'b');
    far_frame(&wire, 0, 0, 4, 'c');
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'a', FRAME_FDS_MAX, false);
    expect_none(&wire);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'b', FRAME_FDS_ROOM, true);
    expect_none(&wire);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'c', 0, false);
    expect_idle(&wire);
    wire_close(&wire);
}

/* Reads with room for so many more descriptors. */
static void fill_tight(struct wire *wire, rlim_t room) {
    struct rlimit before, tight;

    assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
    tight = before;
    int next = dup(wire->far);
    tight.rlim_cur = (rlim_t)next + room;
    os_close(next);
    assert_return_code(setrlimit(RLIMIT_NOFILE, &tight), errno);
    int r = fill(wire);
    assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
    assert_int_equal(r, 1);
}

static void a_full_table_spoils_one_frame(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, 3, 3, 4, 'a');
    far_frame(&wire, 1, 3, 4, 'b'); /* what is left of them is as many as it claims */
    far_frame(&wire, 0, 1, 4, 'c'); /* likewise: none */
    far_frame(&wire, 1, 1, 4, 'd');
    fill_tight(&wire, 1);
    expect_frame(&wire, 4, 'a', 1, true);
    expect_none(&wire);
    fill_tight(&wire, 1);
    expect_frame(&wire, 4, 'b', 1, true);
    expect_none(&wire);
    fill_tight(&wire, 0);
    expect_frame(&wire, 4, 'c', 0, true);
    expect_none(&wire);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'd', 1, false);
    expect_idle(&wire);
    wire_close(&wire);
}

/* The header arrives without its body, and ends the connection all the same. */
static void expect_fault(struct frame_header header, size_t max) {
    uint8_t bytes[FRAME_HEADER];
    struct channel_frame frame;
    struct wire wire;

    wire_open(&wire, max);
    frame_encode(bytes, header);
    far_send(&wire, bytes, FRAME_HEADER - 1, 1);
    assert_int_equal(fill(&wire), 1);
    expect_none(&wire);
    assert_null(wire.channel.fault);
    far_send(&wire, bytes + FRAME_HEADER - 1, 1, 1);
    assert_int_equal(fill(&wire), 1);
    assert_int_equal(channel_next(&wire.channel, &frame), CHANNEL_E_PROTOCOL);
    assert_non_null(wire.channel.fault);
    assert_int_equal(channel_rest(&wire.channel), 0);
    assert_true(channel_has_frame(&wire.channel));
    assert_int_equal(fill(&wire), 1);
    assert_int_equal(channel_next(&wire.channel, &frame), CHANNEL_E_PROTOCOL);
    assert_int_equal(wire.discarded, 1);
    wire_close(&wire);
    assert_int_equal(wire.discarded, 2);
}

static void a_bad_header_ends_the_connection_before_its_body(void **state) {
    (void)state;
    expect_fault((struct frame_header){.length = 0}, FRAME_REQUEST_MAX);
    expect_fault((struct frame_header){.length = FRAME_REQUEST_MAX + 1}, FRAME_REQUEST_MAX);
    expect_fault((struct frame_header){.length = UINT32_MAX}, FRAME_LONG_MAX);
    expect_fault((struct frame_header){.length = 4, .flags = 1}, FRAME_REQUEST_MAX);
    expect_fault((struct frame_header){.length = 4, .n_fds = FRAME_FDS_ROOM}, FRAME_REQUEST_MAX);
}

static void a_pause_reads_nothing_and_loses_nothing(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    for (int i = 0; i < 4; i++)
        far_frame(&wire, 0, 0, 4, 'a' + i);
    far_frame(&wire, 2, 2, 4, 'e');
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'a', 0, false);
    expect_frame(&wire, 4, 'b', 0, false);
    assert_int_equal(channel_rest(&wire.channel), 0);
    assert_null(wire.scratch.user);
    assert_true(channel_has_frame(&wire.channel));
    assert_true(channel_memory(&wire.channel) >= 3 * (FRAME_HEADER + 4));
    assert_int_equal(channel_fds_held(&wire.channel), 2);
    far_frame(&wire, 1, 1, 4, 'f');
    channel_resume(&wire.channel);
    expect_frame(&wire, 4, 'c', 0, false);
    assert_int_equal(channel_rest(&wire.channel), 0);
    assert_int_equal(fill(&wire), 1); /* whole frames are left: nothing is read */
    expect_frame(&wire, 4, 'd', 0, false);
    expect_frame(&wire, 4, 'e', 2, false);
    expect_idle(&wire);
    assert_false(channel_has_frame(&wire.channel));
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'f', 1, false);
    expect_idle(&wire);
    wire_close(&wire);
}

static void channels_of_one_scratch_do_not_disturb_each_other(void **state) {
    uint8_t bytes[FRAME_HEADER + 8];
    struct wire one, two;
    size_t size = frame_write(bytes, 1, 8, 'h');

    (void)state;
    wire_open(&one, FRAME_REQUEST_MAX);
    wire_open(&two, FRAME_REQUEST_MAX);
    two.channel.scratch = &one.scratch;
    far_send(&one, bytes, 10, 1);
    far_send(&two, bytes, 5, 1);
    assert_int_equal(fill(&one), 1);
    expect_none(&one);
    assert_int_equal(fill(&two), 1);
    expect_none(&two);
    far_send(&one, bytes + 10, size - 10, 0);
    far_send(&two, bytes + 5, size - 5, 0);
    assert_int_equal(fill(&one), 1);
    expect_frame(&one, 8, 'h', 1, false);
    expect_idle(&one);
    assert_int_equal(fill(&two), 1);
    expect_frame(&two, 8, 'h', 1, false);
    expect_idle(&two);
    channel_deinit(&two.channel, discard, &two);
    two.channel.scratch = &two.scratch;
    wire_close(&two);
    wire_close(&one);
}

static void a_read_of_nothing_begins_no_round(void **state) {
    uint8_t bytes[FRAME_HEADER + 8];
    struct wire one, two;
    size_t size = frame_write(bytes, 1, 8, 'h');

    (void)state;
    wire_open(&one, FRAME_REQUEST_MAX);
    wire_open(&two, FRAME_REQUEST_MAX);
    two.channel.scratch = &one.scratch;
    far_send(&one, bytes, 10, 1);
    assert_int_equal(fill(&one), 1);
    expect_none(&one);
    assert_int_equal(fill(&one), 0);
    assert_null(one.scratch.user);
    far_frame(&two, 2, 2, 100, 't');
    assert_int_equal(fill(&two), 1);
    expect_frame(&two, 100, 't', 2, false);
    expect_idle(&two);
    far_send(&one, bytes + 10, size - 10, 0);
    assert_int_equal(fill(&one), 1);
    expect_frame(&one, 8, 'h', 1, false);
    expect_idle(&one);
    two.channel.scratch = &two.scratch;
    wire_close(&two);
    wire_close(&one);
}

static void one_round_may_read_twice(void **state) {
    uint8_t bytes[FRAME_HEADER + 8];
    struct wire wire;
    size_t size = frame_write(bytes, 1, 8, 'h');

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, 0, 0, 4, 'a');
    far_send(&wire, bytes, 5, 1);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'a', 0, false);
    assert_int_equal(fill(&wire), 0);
    far_send(&wire, bytes + 5, size - 5, 0);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 8, 'h', 1, false);
    expect_idle(&wire);
    wire_close(&wire);
}

static void the_end_comes_after_the_last_frame(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, 0, 0, 4, 'a');
    far_send(&wire, "half", 4, 1);
    assert_return_code(shutdown(wire.far, SHUT_WR), errno);
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 4, 'a', 0, false);
    expect_none(&wire);
    assert_int_equal(fill(&wire), CHANNEL_E_END);
    expect_none(&wire);
    assert_int_equal(fill(&wire), CHANNEL_E_END);
    wire_close(&wire); /* in the middle of a round, with a descriptor */
    assert_int_equal(wire.discarded, 1);
}

static void a_failing_read_is_told(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    wire.channel.fd = OS_FD_NONE;
    assert_int_equal(fill(&wire), -EBADF);
    expect_idle(&wire);
    wire_close(&wire);
}

static void deinit_discards_every_received_descriptor(void **state) {
    uint8_t bytes[FRAME_HEADER + 8];
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_send(&wire, bytes, frame_write(bytes, 2, 8, 'h') - 1, 2);
    assert_int_equal(fill(&wire), 1);
    expect_none(&wire);
    far_send(&wire, "h\x04", 2, 3); /* ends it and begins another */
    assert_int_equal(fill(&wire), 1);
    assert_int_equal(channel_fds_held(&wire.channel), 5);
    assert_int_equal(channel_rest(&wire.channel), 0);
    assert_int_equal(channel_fds_held(&wire.channel), 5);
    wire_close(&wire);
    assert_int_equal(wire.discarded, 5);
}

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
    channel_init(&reader->channel, reader->near, &reader->scratch, FRAME_LONG_MAX);
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

TEST_MAIN(TEST_CASE(frames_of_one_read_are_cut_in_order), TEST_CASE(bytes_may_come_one_by_one),
          TEST_CASE(the_longest_frame_fits_behind_half_a_frame), TEST_CASE(descriptors_come_with_their_frame),
          TEST_CASE(a_false_claim_does_not_take_the_next_frames_descriptor),
          TEST_CASE(descriptors_nobody_claimed_are_handed_out_as_a_mismatch),
          TEST_CASE(descriptors_in_the_middle_of_a_frame_are_discarded),
          TEST_CASE(a_header_in_two_reads_keeps_its_descriptors),
          TEST_CASE(a_read_that_ends_one_frame_and_begins_another_is_the_seconds),
          TEST_CASE(as_many_descriptors_as_the_kernel_passes_are_handed_out),
          TEST_CASE(a_full_table_spoils_one_frame),
          TEST_CASE(a_bad_header_ends_the_connection_before_its_body),
          TEST_CASE(a_pause_reads_nothing_and_loses_nothing),
          TEST_CASE(channels_of_one_scratch_do_not_disturb_each_other),
          TEST_CASE(a_read_of_nothing_begins_no_round), TEST_CASE(one_round_may_read_twice),
          TEST_CASE(the_end_comes_after_the_last_frame), TEST_CASE(a_failing_read_is_told),
          TEST_CASE(deinit_discards_every_received_descriptor), TEST_CASE(what_waits_goes_out_in_one_call),
          TEST_CASE(the_buffer_is_lent_and_comes_back), TEST_CASE(of_two_buffers_the_larger_is_kept),
          TEST_CASE(a_frame_can_be_shortened_or_taken_back),
          TEST_CASE(a_slow_reader_gets_everything_in_order), TEST_CASE(frames_may_be_put_while_others_go_out),
          TEST_CASE(descriptors_are_sent_behind_what_waits),
          TEST_CASE(descriptors_wait_as_copies_while_the_reader_is_slow),
          TEST_CASE(a_long_frame_with_descriptors_may_go_in_parts),
          TEST_CASE(descriptors_that_cannot_be_sent_change_nothing),
          TEST_CASE(a_lost_reader_is_told_by_flush), TEST_CASE(deinit_discards_descriptors_that_wait))
