/* test_channel.c: received bytes and descriptors become frames. Sending is in test_channel_send.c. */
#include "tests/support/wire.h"

#include <sys/resource.h>

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

static void no_more_is_read_than_is_wanted(void **state) {
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    far_frame(&wire, 0, 0, 100, 'a');
    far_frame(&wire, 0, 0, 100, 'b');
    wire.channel.most = FRAME_HEADER + 99;
    assert_int_equal(fill(&wire), 1);
    assert_false(channel_has_frame(&wire.channel));
    wire.channel.most = 1;
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 100, 'a', 0, false);
    expect_idle(&wire);
    wire.channel.most = 0;
    assert_int_equal(fill(&wire), 1);
    expect_frame(&wire, 100, 'b', 0, false);
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
            ptrdiff_t n = on_socket_send(wire.far, bytes + sent, sizeof(bytes) - sent, NULL, 0);
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

static void frames_that_are_left_over_give_back_the_memory_of_those_before(void **state) {
    enum { FRAMES = 8, BODY = 100 };
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    for (int i = 0; i < FRAMES; i++)
        far_frame(&wire, 0, 0, BODY, (char)('a' + i));
    assert_int_equal(fill(&wire), 1);
    assert_int_equal(channel_rest(&wire.channel), 0);
    for (size_t left = FRAMES; left > 0; left--) {
        assert_true(channel_memory(&wire.channel) >= left * (FRAME_HEADER + BODY));
        assert_true(channel_memory(&wire.channel) <= 2 * left * (FRAME_HEADER + BODY));
        expect_frame(&wire, BODY, (char)('a' + FRAMES - left), 0, false);
        assert_int_equal(channel_rest(&wire.channel), 0);
    }
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
    wire.channel.transport = transport_none();
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

static void without_memory_for_what_is_left_over_the_descriptors_are_closed(void **state) {
    size_t left = 10;
    struct memory memory = {wire_allocate, &left};
    uint8_t bytes[FRAME_HEADER + 8];
    struct wire wire;

    (void)state;
    wire_open(&wire, FRAME_REQUEST_MAX);
    channel_scratch_deinit(&wire.scratch);
    assert_int_equal(channel_scratch_init_in(&wire.scratch, &memory), 0);
    far_send(&wire, bytes, frame_write(bytes, 2, 8, 'h') - 1, 2);
    assert_int_equal(fill(&wire), 1);
    left = 0;
    assert_int_equal(channel_rest(&wire.channel), -ENOMEM);
    assert_null(wire.scratch.user);
    assert_int_equal(channel_fds_held(&wire.channel), 0);
    assert_int_equal(channel_memory(&wire.channel), 0);
    wire_close(&wire); /* and the case ends with the descriptors that it began with */
    assert_int_equal(wire.discarded, 0);
}

TEST_MAIN(TEST_CASE(frames_of_one_read_are_cut_in_order), TEST_CASE(bytes_may_come_one_by_one),
          TEST_CASE(no_more_is_read_than_is_wanted), TEST_CASE(the_longest_frame_fits_behind_half_a_frame),
          TEST_CASE(descriptors_come_with_their_frame),
          TEST_CASE(a_false_claim_does_not_take_the_next_frames_descriptor),
          TEST_CASE(descriptors_nobody_claimed_are_handed_out_as_a_mismatch),
          TEST_CASE(descriptors_in_the_middle_of_a_frame_are_discarded),
          TEST_CASE(a_header_in_two_reads_keeps_its_descriptors),
          TEST_CASE(a_read_that_ends_one_frame_and_begins_another_is_the_seconds),
          TEST_CASE(as_many_descriptors_as_the_kernel_passes_are_handed_out),
          TEST_CASE(a_full_table_spoils_one_frame),
          TEST_CASE(a_bad_header_ends_the_connection_before_its_body),
          TEST_CASE(a_pause_reads_nothing_and_loses_nothing),
          TEST_CASE(frames_that_are_left_over_give_back_the_memory_of_those_before),
          TEST_CASE(channels_of_one_scratch_do_not_disturb_each_other),
          TEST_CASE(a_read_of_nothing_begins_no_round), TEST_CASE(one_round_may_read_twice),
          TEST_CASE(the_end_comes_after_the_last_frame), TEST_CASE(a_failing_read_is_told),
          TEST_CASE(deinit_discards_every_received_descriptor),
          TEST_CASE(without_memory_for_what_is_left_over_the_descriptors_are_closed))
