/* test_deadline_win.c: what the deadline's timer tells, near and far. */
#include "tests/support/test.h"

#include "daemon/loop/deadline.h"

#include <windows.h>

static bool comes_within(os_fd fd, DWORD ms) { return WaitForSingleObject(fd, ms) == WAIT_OBJECT_0; }

static void what_is_past_comes_at_once(void **state) {
    static const int64_t past[] = {INT64_MIN, -1, 0, 1};
    os_fd fd;

    (void)state;
    assert_int_equal(deadline_open(&fd), 0);
    assert_false(comes_within(fd, 0));
    for (size_t i = 0; i < sizeof(past) / sizeof(*past); i++) {
        assert_true(deadline_set(fd, past[i]));
        assert_true(comes_within(fd, 10000));
        assert_true(comes_within(fd, 0)); /* it stays so */
        assert_true(deadline_set(fd, INT64_MAX));
        assert_false(comes_within(fd, 0));
    }
    os_close(fd);
}

static void what_is_far_does_not_come_now(void **state) {
    static const int64_t far_times[] = {(INT64_C(1) << 32) * 1000000, INT64_MAX / 10, INT64_MAX / 2,
                                        INT64_MAX - 1};
    os_fd fd;

    (void)state;
    assert_int_equal(deadline_open(&fd), 0);
    for (size_t i = 0; i < sizeof(far_times) / sizeof(*far_times); i++) {
        assert_true(deadline_set(fd, 0));
        assert_true(comes_within(fd, 10000));
        assert_true(deadline_set(fd, far_times[i]));
        assert_false(comes_within(fd, 2));
    }
    os_close(fd);
}

/* By a tick of the system at most it may be early. */
static void what_is_near_comes_then(void **state) {
    enum { US = 40000, TICK_US = 16000 };
    int64_t start = os_now_us();
    os_fd fd;

    (void)state;
    assert_int_equal(deadline_open(&fd), 0);
    assert_true(deadline_set(fd, start + INT64_C(10000000)));
    assert_true(deadline_set(fd, start + US)); /* replaces it */
    assert_true(comes_within(fd, 10000));
    assert_true(os_now_us() - start >= US - TICK_US);
    os_close(fd);
}

TEST_MAIN(TEST_CASE(what_is_past_comes_at_once), TEST_CASE(what_is_far_does_not_come_now),
          TEST_CASE(what_is_near_comes_then))
