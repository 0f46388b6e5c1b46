/* test_shuffle.c: a secret order has no gaps and no repetitions, and one value reveals nothing about its neighbours. */
#include "tests/support/test.h"

#include "daemon/base/shuffle.h"

enum { MANY = 20000, HALF = MANY / 2, FAR = 600 /* more than eight deviations from the half of MANY */ };

static const uint64_t LIMIT = UINT64_C(1) << SHUFFLE_BITS;

/* Fixed keys: what is counted here is the same in each run. */
static struct shuffle shuffles[] = {{{1, 2}, SHUFFLE_ROUNDS},
                                    {{1, 3}, SHUFFLE_ROUNDS},
                                    {{UINT64_MAX, 0}, SHUFFLE_ROUNDS},
                                    {{0, 0}, SHUFFLE_ROUNDS}};

enum { KEYS = sizeof shuffles / sizeof *shuffles };

static int compare(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static void each_number_stands_at_one_place(void **state) {
    static uint64_t numbers[MANY];
    (void)state;
    for (size_t k = 0; k < KEYS; k++) {
        for (uint64_t i = 0; i < MANY; i++) {
            uint64_t place = i < HALF ? i : LIMIT - 1 - (i - HALF) * 1234567;
            numbers[i] = shuffle_put(&shuffles[k], place);
            assert_true(numbers[i] < LIMIT);
            assert_int_equal(shuffle_place(&shuffles[k], numbers[i]), place);
            assert_true(shuffle_place(&shuffles[k], place) < LIMIT);
            assert_int_equal(shuffle_put(&shuffles[k], shuffle_place(&shuffles[k], place)), place);
        }
        qsort(numbers, MANY, sizeof *numbers, compare);
        for (size_t i = 1; i < MANY; i++)
            assert_true(numbers[i - 1] < numbers[i]);
    }
}

/* Of two neighbours the second is above the first as often as not, and each of its bits differs as often as not. */
static void neighbours_have_nothing_in_common(void **state) {
    (void)state;
    for (size_t k = 0; k < KEYS; k++) {
        unsigned above = 0, differ[SHUFFLE_BITS] = {0};
        for (uint64_t i = 0; i < MANY; i++) {
            uint64_t one = shuffle_put(&shuffles[k], i), next = shuffle_put(&shuffles[k], i + 1);
            above += next > one;
            for (unsigned bit = 0; bit < SHUFFLE_BITS; bit++)
                differ[bit] += (unsigned)((one ^ next) >> bit & 1);
        }
        assert_in_range(above, HALF - FAR, HALF + FAR);
        for (unsigned bit = 0; bit < SHUFFLE_BITS; bit++)
            assert_in_range(differ[bit], HALF - FAR, HALF + FAR);
    }
}

static void each_key_has_an_order_of_its_own(void **state) {
    struct shuffle one, other;
    unsigned same = 0;
    (void)state;
    assert_int_equal(shuffle_init(&one), 0);
    assert_int_equal(shuffle_init(&other), 0);
    for (uint64_t i = 0; i < 1000; i++) {
        same += shuffle_put(&one, i) == shuffle_put(&other, i);
        same += shuffle_put(&shuffles[0], i) == shuffle_put(&shuffles[1], i);
    }
    assert_true(same < 3);
}

static void without_rounds_everything_stays_in_its_place(void **state) {
    struct shuffle plain = {{5, 6}, 0};
    (void)state;
    for (uint64_t i = 0; i < LIMIT; i += LIMIT / 100) {
        assert_int_equal(shuffle_put(&plain, i), i);
        assert_int_equal(shuffle_place(&plain, i), i);
    }
}

TEST_MAIN(TEST_CASE(each_number_stands_at_one_place), TEST_CASE(neighbours_have_nothing_in_common),
          TEST_CASE(each_key_has_an_order_of_its_own),
          TEST_CASE(without_rounds_everything_stays_in_its_place))
