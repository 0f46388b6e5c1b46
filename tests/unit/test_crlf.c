/* test_crlf.c: line ends of text mode, in chunks that end anywhere. */
#include "tests/support/test.h"

#include "client/crlf.h"

#include <string.h>

enum { ROOM = 64 };

/* What comes of the text in chunks of `size` bytes. */
static void read_in(const char *text, size_t size, char *all) {
    struct crlf_in in = {false};
    size_t length = strlen(text), n = 0;

    for (size_t at = 0; at < length; at += size) {
        uint8_t out[ROOM + 1];
        size_t some = length - at < size ? length - at : size;
        size_t got = crlf_read(&in, (const uint8_t *)text + at, some, false, out);
        assert_true(got <= some + 1);
        memcpy(all + n, out, got);
        n += got;
    }
    n += crlf_read(&in, NULL, 0, true, (uint8_t *)all + n);
    assert_false(in.held);
    all[n] = '\0';
}

static void reads(const char *text, const char *expected) {
    char all[ROOM];

    for (size_t size = 1; size <= strlen(text) + 1; size++) {
        read_in(text, size, all);
        assert_string_equal(all, expected);
    }
}

static void line_ends_inwards(void **state) {
    (void)state;
    reads("", "");
    reads("plain", "plain");
    reads("one\r\ntwo\r\n", "one\ntwo\n");
    reads("\r\n", "\n");
    reads("\n\n", "\n\n");
    reads("a\rb", "a\rb");
    reads("\r\r\n", "\r\n");
    reads("\r\r\r", "\r\r\r");
    reads("end\r", "end\r");
}

static void a_cr_is_held_back(void **state) {
    struct crlf_in in = {false};
    uint8_t out[4];

    (void)state;
    assert_int_equal(crlf_read(&in, (const uint8_t *)"\r", 1, false, out), 0);
    assert_true(in.held);
    assert_int_equal(crlf_read(&in, (const uint8_t *)"xy", 2, false, out), 3);
    assert_memory_equal(out, "\rxy", 3);
    assert_false(in.held);
}

/* Writes the text as a program does whose writes take `some` bytes each time, of chunks with that room. */
static void write_in(const char *text, size_t room, size_t some, char *all) {
    struct crlf_out out = {false};
    size_t length = strlen(text), n = 0, done = 0;

    while (done < length) {
        uint8_t made[ROOM];
        size_t taken,
            size = crlf_write(&out, (const uint8_t *)text + done, length - done, made, room, &taken);
        size_t written = size < some ? size : some;
        assert_true(size <= room && taken > 0);
        memcpy(all + n, made, written);
        n += written;
        done += crlf_written(&out, made, size, written);
        assert_true(n < ROOM && done <= length);
    }
    assert_false(out.half);
    all[n] = '\0';
}

static void writes(const char *text, const char *expected) {
    char all[ROOM];

    for (size_t room = 2; room < 12; room++)
        for (size_t some = 1; some <= room; some++) {
            write_in(text, room, some, all);
            assert_string_equal(all, expected);
        }
}

static void line_ends_outwards(void **state) {
    (void)state;
    writes("plain", "plain");
    writes("one\ntwo\n", "one\r\ntwo\r\n");
    writes("\n", "\r\n");
    writes("\n\n\n", "\r\n\r\n\r\n");
    writes("\r\n", "\r\r\n");
    writes("a\rb", "a\rb");
}

static void half_a_line_end_was_written(void **state) {
    struct crlf_out out = {false};
    uint8_t made[8];
    size_t taken, size = crlf_write(&out, (const uint8_t *)"a\nb", 3, made, sizeof(made), &taken);

    (void)state;
    assert_int_equal(size, 4);
    assert_int_equal(crlf_written(&out, made, size, 2),
                     1); /* "a", and the CR is not of the program's bytes */
    assert_true(out.half);
    size = crlf_write(&out, (const uint8_t *)"\nb", 2, made, sizeof(made), &taken);
    assert_int_equal(size, 2);
    assert_memory_equal(made, "\nb", 2);
    assert_int_equal(crlf_written(&out, made, size, 0), 0);
    assert_true(out.half);
    assert_int_equal(crlf_written(&out, made, size, 1), 1);
    assert_false(out.half);
}

TEST_MAIN(TEST_CASE(line_ends_inwards), TEST_CASE(a_cr_is_held_back), TEST_CASE(line_ends_outwards),
          TEST_CASE(half_a_line_end_was_written))
