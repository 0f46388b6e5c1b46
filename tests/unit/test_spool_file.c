/* test_spool_file.c: what a spool's file and pipe tell the next broker, wherever the last one has died. */
#define _GNU_SOURCE

#include "daemon/object/spool_file.h"
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* As spool_file_linux.c has it: the test writes there what a dying broker had written. */
struct head {
    char magic[8];
    uint32_t version;
    _Atomic uint32_t reading;
    uint64_t size;
    _Atomic uint64_t next, filled, freed, made, n_gaps, gaps[SPOOL_GAPS];
};

enum { SIZE = SPOOL_LEAST };

static struct spool_file file;
static int source[2];

static struct head *head(void) { return file.memory; }

static void make(void) {
    assert_int_equal(spool_file_make(&file, SIZE), 0);
    assert_return_code(pipe2(source, O_CLOEXEC | O_NONBLOCK), errno);
}

static void close_all(void) {
    spool_file_unmap(&file);
    for (int i = 0; i < SPOOL_FDS; i++)
        os_close(file.fds[i]);
    close(source[0]);
    close(source[1]);
}

static enum spool_source take(size_t most) {
    return spool_file_take(&file, source[0], INSPECT_PIPE, most).source;
}

static void bytes_are(uint64_t from, const char *text) {
    size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        const unsigned char *bytes;
        size_t n = spool_file_find(&file, from + i, from + length, &bytes);
        assert_memory_equal(bytes, text + i, n);
        i += n;
    }
}

static int restore(void) {
    spool_file_unmap(&file);
    return spool_file_restore(&file);
}

static void what_is_taken_has_positions(void **state) {
    (void)state;
    make();
    assert_int_equal(take(SPOOL_CHUNK), SPOOL_IDLE);
    assert_int_equal(write(source[1], "one two", 7), 7);
    assert_int_equal(take(3), SPOOL_GOES_ON);
    assert_int_equal(spool_file_next(&file), 3);
    assert_int_equal(take(SPOOL_CHUNK), SPOOL_GOES_ON);
    assert_int_equal(spool_file_next(&file), 7);
    bytes_are(0, "one two");
    assert_int_equal(close(source[1]), 0);
    assert_int_equal(take(SPOOL_CHUNK), SPOOL_HUNG);
    assert_return_code(source[1] = dup(source[0]), errno);
    close_all();
}

/* The room is a ring: bytes in it may lie in two pieces. */
static void the_ring_goes_round(void **state) {
    char piece[1000];
    (void)state;
    make();
    for (uint64_t n = 0; n < 3 * (SIZE + SPOOL_CHUNK); n += sizeof piece) {
        memset(piece, 'a' + (int)(n / sizeof piece % 26), sizeof piece);
        assert_int_equal(write(source[1], piece, sizeof piece), sizeof piece);
        assert_int_equal(take(SPOOL_CHUNK), SPOOL_GOES_ON);
        assert_int_equal(spool_file_next(&file), n + sizeof piece);
        for (uint64_t at = n; at < n + sizeof piece;) {
            const unsigned char *bytes;
            size_t found = spool_file_find(&file, at, n + sizeof piece, &bytes);
            assert_memory_equal(bytes, piece, found);
            at += found;
        }
    }
    close_all();
}

/* It died after it had spliced, before the pipe was emptied. */
static void what_is_in_the_pipe_comes_next(void **state) {
    (void)state;
    make();
    assert_int_equal(write(file.fds[2], "abc", 3), 3);
    assert_int_equal(restore(), 0);
    assert_int_equal(spool_file_next(&file), 0);
    assert_int_equal(write(source[1], "def", 3), 3);
    assert_int_equal(take(SPOOL_CHUNK), SPOOL_GOES_ON); /* the pipe first: its room is not shared */
    assert_int_equal(take(SPOOL_CHUNK), SPOOL_GOES_ON);
    assert_int_equal(spool_file_next(&file), 6);
    bytes_are(0, "abcdef");
    close_all();
}

/* It died while it emptied the pipe: after none, some, or all of the bytes had left it. */
static void what_had_left_the_pipe_is_counted(void **state) {
    char bytes[8];
    (void)state;
    for (size_t left = 0; left <= 5; left++) {
        make();
        assert_int_equal(write(source[1], "0123456789", 10), 10);
        assert_int_equal(take(SPOOL_CHUNK), SPOOL_GOES_ON);
        assert_int_equal(write(file.fds[2], "abcde", 5), 5);
        head()->filled = 15;
        if (left < 5) {
            assert_int_equal(read(file.fds[1], bytes, 5 - left), (ssize_t)(5 - left));
            memcpy((char *)file.memory + 4096 + 10, bytes, 5 - left);
        }
        assert_int_equal(restore(), 0);
        assert_int_equal(spool_file_next(&file), 15 - left);
        (void)take(SPOOL_CHUNK);
        assert_int_equal(spool_file_next(&file), 15);
        bytes_are(0, "0123456789abcde");
        assert_int_equal(restore(), 0); /* once more: nothing is counted twice */
        assert_int_equal(spool_file_next(&file), 15);
        close_all();
    }
}

static void a_death_while_reading_is_a_gap(void **state) {
    uint64_t gaps[SPOOL_GAPS];
    (void)state;
    make();
    assert_int_equal(write(source[1], "abc", 3), 3);
    assert_int_equal(take(SPOOL_CHUNK), SPOOL_GOES_ON);
    head()->reading = 1;
    assert_int_equal(restore(), 0);
    assert_int_equal(spool_file_gaps(&file, 0, 4, gaps), 1);
    assert_int_equal(gaps[0], 3);
    assert_int_equal(spool_file_gaps(&file, 0, 3, gaps), 0);
    for (uint64_t i = 10; i < 10 + SPOOL_GAPS; i++)
        spool_file_mark(&file, i);
    assert_int_equal(spool_file_gaps(&file, 0, 100, gaps), SPOOL_GAPS);
    assert_int_equal(gaps[0], 10);
    close_all();
}

static void what_is_unsound_is_refused(void **state) {
    (void)state;
    make();
    head()->filled = 7; /* more than the pipe and the next byte make possible */
    head()->next = 9;
    assert_int_equal(restore(), -EINVAL);
    assert_int_equal(spool_file_restore(&file), -EINVAL);
    close_all();
    make();
    head()->freed = 1;
    assert_int_equal(restore(), -EINVAL);
    close_all();
    make();
    head()->size = SIZE + 1;
    assert_int_equal(restore(), -EINVAL);
    close_all();
    make();
    head()->magic[0] = 'x';
    assert_int_equal(restore(), -EINVAL);
    close_all();
    make();
    spool_file_unmap(&file);
    os_close(file.fds[0]);
    assert_return_code(file.fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC), errno);
    assert_int_equal(spool_file_restore(&file), -EINVAL);
    close_all();
}

TEST_MAIN(TEST_CASE(what_is_taken_has_positions), TEST_CASE(the_ring_goes_round),
          TEST_CASE(what_is_in_the_pipe_comes_next), TEST_CASE(what_had_left_the_pipe_is_counted),
          TEST_CASE(a_death_while_reading_is_a_gap), TEST_CASE(what_is_unsound_is_refused))
