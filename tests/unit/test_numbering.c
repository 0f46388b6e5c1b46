/* test_numbering.c: keys have room for every possible number, and places are never given out twice. */
#include "tests/support/test.h"

#include "daemon/object/numbering.h"

#include <errno.h>

static const uint64_t PLACES = UINT64_MAX >> (NUMBER_BITS + NUMBER_TABLE_BITS);

static void a_key_says_place_and_number(void **state) {
    static const int64_t numbers[] = {0, 1, 3, INT32_MAX, INT64_C(1) << 31, UINT32_MAX};
    const uint64_t places[] = {1, 2, INT32_MAX, PLACES};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };

    (void)state;
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        for (size_t n = 0; n < NUMBERS; n++) {
            uint64_t key = number_key(places[p], numbers[n]);
            assert_int_equal(number_of_key(key), numbers[n]);
            assert_int_equal(number_place(key), places[p]);
        }
}

static void unix_has_numbers_up_to_its_int(void **state) {
    (void)state;
    assert_true(number_is_valid(0) && number_is_valid(INT32_MAX));
    assert_false(number_is_valid(-1) || number_is_valid((int64_t)INT32_MAX + 1));
    assert_false(number_is_valid(INT64_MIN) || number_is_valid(INT64_MAX));
}

/* A place that came again would mean what another process calls by its numbers. */
static void places_that_are_used_up_are_refused(void **state) {
    struct numberings numberings;
    uint64_t first, last, place = 0;

    (void)state;
    numberings_init(&numberings, 1);
    assert_int_equal(numbering_get(&numberings, 7, &first), 0);
    numberings.issued = PLACES - 1;
    assert_int_equal(numbering_get(&numberings, 8, &last), 0);
    assert_int_equal(last, PLACES);
    assert_int_equal(numbering_get(&numberings, 9, &place), -ENOMEM);
    assert_int_equal(numbering_get(&numberings, 0, &place), -ENOMEM);
    assert_int_equal(numbering_get(&numberings, 7, &place), 0); /* one that there is */
    assert_int_equal(place, first);
    numbering_unref(&numberings, first);
    numbering_unref(&numberings, first);
    numbering_unref(&numberings, last);
    assert_int_equal(numbering_get(&numberings, 7, &place), -ENOMEM);
    numberings_deinit(&numberings);
}

TEST_MAIN(TEST_CASE(a_key_says_place_and_number), TEST_CASE(unix_has_numbers_up_to_its_int),
          TEST_CASE(places_that_are_used_up_are_refused))
