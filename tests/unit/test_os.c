/* test_os.c: the functions of os.h. */
#include "tests/support/test.h"

#include "proto/os.h"

#include <fcntl.h>
#include <sys/resource.h>

static void close_keeps_errno(void **state) {
    (void)state;
    errno = EDOM;
    os_close(OS_FD_NONE);
    assert_int_equal(errno, EDOM);
    os_close(4000); /* not open: the failure is nobody's business */
    assert_int_equal(errno, EDOM);
    int fd = dup(1);
    os_close(fd);
    assert_int_equal(errno, EDOM);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void copies_are_closed_on_exec(void **state) {
    int pipes[2];

    (void)state;
    assert_return_code(pipe(pipes), errno);
    os_fd copy = os_dup(pipes[1]);
    assert_int_equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(pipes[1], F_GETFD), 0);
    assert_int_equal(fcntl(copy, F_GETFL), fcntl(pipes[1], F_GETFL));
    os_close(copy);
    os_close(pipes[0]);
    os_close(pipes[1]);
}

static void copies_never_become_standard_streams(void **state) {
    (void)state;
    int input = fcntl(0, F_DUPFD_CLOEXEC, 100);
    if (input < 0)
        test_skip("there is no standard input");
    (void)close(0);
    os_fd copy = os_dup(1);
    assert_true(copy > 2);
    assert_int_equal(dup2(input, 0), 0);
    os_close(copy);
    os_close(input);
}

static void a_copy_that_cannot_be_made_is_none(void **state) {
    struct rlimit before, tight;

    (void)state;
    errno = 0;
    assert_int_equal(os_dup(4000), OS_FD_NONE);
    assert_int_equal(errno, EBADF);
    assert_return_code(getrlimit(RLIMIT_NOFILE, &before), errno);
    tight = before;
    int next = dup(1);
    os_close(next);
    tight.rlim_cur = (rlim_t)next;
    assert_return_code(setrlimit(RLIMIT_NOFILE, &tight), errno);
    os_fd copy = os_dup(1);
    int error = errno;
    assert_return_code(setrlimit(RLIMIT_NOFILE, &before), errno);
    assert_int_equal(copy, OS_FD_NONE);
    assert_true(error == EMFILE || error == EINVAL);
}

static void the_clock_does_not_go_back(void **state) {
    int64_t before = os_now_us();

    (void)state;
    assert_true(before > 0);
    for (int i = 0; i < 1000; i++) {
        int64_t now = os_now_us();
        assert_true(now >= before);
        before = now;
    }
}

static void randomness_fills_every_size(void **state) {
    uint8_t one[1000], other[1000];

    (void)state;
    for (size_t size = 0; size <= sizeof(one); size += 250) {
        memset(one, 0, sizeof(one));
        memset(other, 0, sizeof(other));
        assert_int_equal(os_random(one, size), 0);
        assert_int_equal(os_random(other, size), 0);
        assert_true(size == 0 || memcmp(one, other, size) != 0);
        for (size_t i = size; i < sizeof(one); i++)
            assert_int_equal(one[i], 0);
        for (size_t i = 0; i + 50 <= size; i += 50) /* no stretch was left out */
            assert_memory_not_equal(one + i, other + i, 50);
    }
}

static void errors_have_the_texts_of_the_system(void **state) {
    (void)state;
    assert_string_equal(os_error_text(ENOENT), strerror(ENOENT));
    assert_string_equal(os_error_text(ECONNRESET), strerror(ECONNRESET));
}

TEST_MAIN(TEST_CASE(close_keeps_errno), TEST_CASE(copies_are_closed_on_exec),
          TEST_CASE(copies_never_become_standard_streams), TEST_CASE(a_copy_that_cannot_be_made_is_none),
          TEST_CASE(the_clock_does_not_go_back), TEST_CASE(randomness_fills_every_size),
          TEST_CASE(errors_have_the_texts_of_the_system))
