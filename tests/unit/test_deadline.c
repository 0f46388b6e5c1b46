/* test_deadline.c: what the deadline's descriptor tells, near and far. */
#include "tests/support/test.h"

#include "daemon/loop/deadline.h"

#include <poll.h>
#include <sys/timerfd.h>

static bool comes_within(int fd, int ms) {
    struct pollfd one = {.fd = fd, .events = POLLIN};
    return poll(&one, 1, ms) == 1;
}

static void what_is_past_comes_at_once(void **state) {
    static const int64_t past[] = {-1, 0, 1};
    os_fd fd;

    (void)state;
    assert_int_equal(deadline_open(&fd), 0);
    for (size_t i = 0; i < sizeof(past) / sizeof(*past); i++) {
        assert_true(deadline_set(fd, past[i]));
        assert_true(comes_within(fd, 10000));
        assert_true(deadline_set(fd, INT64_MAX));
        assert_false(comes_within(fd, 0));
    }
    os_close(fd);
}

/* 2^32 seconds are 0 where a time has 32 bits. */
static void what_is_far_does_not_come_now(void **state) {
    static const int64_t far[] = {(INT64_C(1) << 32) * 1000000, INT64_MAX / 2, INT64_MAX - 1};
    struct itimerspec left;
    os_fd fd;

    (void)state;
    assert_int_equal(deadline_open(&fd), 0);
    for (size_t i = 0; i < sizeof(far) / sizeof(*far); i++) {
        assert_true(deadline_set(fd, far[i]));
        assert_int_equal(timerfd_gettime(fd, &left), 0);
        assert_true(left.it_value.tv_sec > 1000000000);
    }
    os_close(fd);
}

static void a_refusal_is_told(void **state) {
    (void)state;
    assert_false(deadline_set(OS_FD_NONE, 1));
}

TEST_MAIN(TEST_CASE(what_is_past_comes_at_once), TEST_CASE(what_is_far_does_not_come_now),
          TEST_CASE(a_refusal_is_told))
