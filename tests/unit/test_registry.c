/* test_registry.c: ids have their kind, are never what a number is, and tell who was first to nobody but the broker. */
#include "tests/support/test.h"

#include "daemon/object/registry.h"

enum { MANY = 20000, HALF = MANY / 2, FAR = 600 };

/* Only what ids are made of. */
static struct registry registry;

static void begin(uint64_t epoch, uint64_t issued) {
    registry = (struct registry){.epoch = epoch, .issued = issued};
    assert_int_equal(shuffle_init(&registry.shuffle), 0);
}

static void ids_are_in_their_range(void **state) {
    static const uint64_t epochs[] = {1, 2, 9000, (1 << 14) - 1};
    (void)state;
    for (size_t e = 0; e < sizeof epochs / sizeof *epochs; e++) {
        begin(epochs[e], 0);
        for (int i = 0; i < MANY; i++) {
            enum object_kind kind = (enum object_kind)(1 + i % 5);
            uint64_t id = registry_issue(&registry, kind);
            assert_int_equal(registry_kind(id), kind);
            assert_true(id > UINT64_C(1) << 32 && id < UINT64_C(1) << 53);
            assert_int_equal(registry_number(&registry, id), i);
        }
    }
}

/* Also where an epoch ends, the last one too. */
static void the_broker_knows_their_order(void **state) {
    static const uint64_t epochs[] = {1, 77, (1 << 14) - 2, (1 << 14) - 1};
    (void)state;
    for (size_t e = 0; e < sizeof epochs / sizeof *epochs; e++)
        for (uint64_t passed = 1; passed < 5; passed++) {
            begin(epochs[e], (passed << SHUFFLE_BITS) - 100);
            for (uint64_t i = registry.issued; i < (passed << SHUFFLE_BITS) + 100; i++) {
                uint64_t id = registry_issue(&registry, OBJECT_EVT);
                assert_true(id > UINT64_C(1) << 32 && id < UINT64_C(1) << 53);
                assert_int_equal(registry_number(&registry, id), i);
            }
        }
}

static void others_do_not(void **state) {
    unsigned above = 0;
    (void)state;
    begin(5, 0);
    registry.shuffle.key[0] = registry.shuffle.key[1] = 1; /* counted alike in each run */
    uint64_t last = registry_issue(&registry, OBJECT_EVT);
    for (int i = 0; i < MANY; i++) {
        uint64_t id = registry_issue(&registry, OBJECT_EVT);
        above += id > last;
        assert_true((id > last ? id - last : last - id) > 8);
        last = id;
    }
    assert_in_range(above, HALF - FAR, HALF + FAR);
}

static void anything_has_a_number(void **state) {
    (void)state;
    begin((1 << 14) - 1, 0);
    registry_number(&registry, 0);
    registry_number(&registry, 1);
    registry_number(&registry, UINT64_MAX);
}

TEST_MAIN(TEST_CASE(ids_are_in_their_range), TEST_CASE(the_broker_knows_their_order),
          TEST_CASE(others_do_not), TEST_CASE(anything_has_a_number))
