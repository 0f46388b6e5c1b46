/* test_frame.c: the eight bytes of a header and its limits. */
#include "tests/support/test.h"

#include "proto/frame.h"

static const struct frame_header good = {.length = 1, .n_fds = 0, .flags = 0};

static void bytes_are_little_endian(void **state) {
    static const uint8_t expected[FRAME_HEADER] = {0x04, 0x03, 0x02, 0x01, 0xFC, 0x00, 0x0D, 0x0C};
    uint8_t bytes[FRAME_HEADER];

    (void)state;
    frame_encode(bytes, (struct frame_header){.length = 0x01020304, .n_fds = 252, .flags = 0x0C0D});
    assert_memory_equal(bytes, expected, sizeof(expected));
}

static void decode_reads_what_encode_wrote(void **state) {
    static const struct frame_header headers[] = {{0, 0, 0},
                                                  {UINT32_MAX, UINT16_MAX, UINT16_MAX},
                                                  {0x80000000, 0x8000, 0x8000},
                                                  {0x12345678, 0xABCD, 0xEF01}};

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        uint8_t bytes[FRAME_HEADER];
        frame_encode(bytes, headers[i]);
        struct frame_header header = frame_decode(bytes);
        assert_int_equal(header.length, headers[i].length);
        assert_int_equal(header.n_fds, headers[i].n_fds);
        assert_int_equal(header.flags, headers[i].flags);
    }
}

static void check_accepts_up_to_the_limits(void **state) {
    (void)state;
    assert_null(frame_check(good, FRAME_REQUEST_MAX));
    assert_null(frame_check((struct frame_header){.length = FRAME_REQUEST_MAX}, FRAME_REQUEST_MAX));
    assert_null(
        frame_check((struct frame_header){.length = FRAME_LONG_MAX, .n_fds = FRAME_FDS_MAX}, FRAME_LONG_MAX));
}

static void check_refuses_what_ends_the_connection(void **state) {
    (void)state;
    assert_non_null(frame_check((struct frame_header){.length = 0}, FRAME_REQUEST_MAX));
    assert_non_null(frame_check((struct frame_header){.length = FRAME_REQUEST_MAX + 1}, FRAME_REQUEST_MAX));
    assert_non_null(frame_check((struct frame_header){.length = UINT32_MAX}, FRAME_LONG_MAX));
    assert_non_null(
        frame_check((struct frame_header){.length = 1, .n_fds = FRAME_FDS_MAX + 1}, FRAME_REQUEST_MAX));
    assert_non_null(frame_check((struct frame_header){.length = 1, .flags = 1}, FRAME_REQUEST_MAX));
    assert_non_null(frame_check((struct frame_header){.length = 1, .flags = 0x8000}, FRAME_REQUEST_MAX));
}

TEST_MAIN(TEST_CASE(bytes_are_little_endian), TEST_CASE(decode_reads_what_encode_wrote),
          TEST_CASE(check_accepts_up_to_the_limits), TEST_CASE(check_refuses_what_ends_the_connection))
