/* test_slab.c: objects of a slab do not overlap, are zero-filled, and are returned to the system. */
#include "tests/support/test.h"

#include "daemon/base/slab.h"
#include "tests/support/random.h"

enum { OBJECTS = 5000 };

static unsigned char *objects[OBJECTS];

static void fill(unsigned char *object, size_t size, size_t mark) {
    memset(object, (int)(mark % 251 + 1), size);
}

static void assert_filled(const unsigned char *object, size_t size, size_t mark) {
    for (size_t i = 0; i < size; i++)
        assert_int_equal(object[i], mark % 251 + 1);
}

static void assert_zero(const unsigned char *object, size_t size) {
    for (size_t i = 0; i < size; i++)
        assert_int_equal(object[i], 0);
}

static void objects_are_zero_and_apart(void **state) {
    static const size_t sizes[] = {1, 8, 20, 200, 3000, 40000};

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        struct slab slab;
        size_t n = sizes[s] > 1000 ? 50 : OBJECTS;
        slab_init(&slab, sizes[s]);
        for (size_t i = 0; i < n; i++) {
            objects[i] = slab_take(&slab);
            assert_non_null(objects[i]);
            assert_int_equal((uintptr_t)objects[i] % 8, 0);
            assert_zero(objects[i], sizes[s]);
            fill(objects[i], sizes[s], i);
        }
        assert_int_equal(slab.used, n);
        for (size_t i = 0; i < n; i++) {
            assert_filled(objects[i], sizes[s], i);
            slab_give(&slab, objects[i]);
        }
        slab_deinit(&slab);
    }
}

static void the_last_freed_comes_first_and_is_zero_again(void **state) {
    struct slab slab;

    (void)state;
    slab_init(&slab, 64);
    for (size_t i = 0; i < 3; i++)
        objects[i] = slab_take(&slab);
    fill(objects[1], 64, 5);
    slab_give(&slab, objects[2]);
    slab_give(&slab, objects[1]);
    assert_ptr_equal(slab_take(&slab), objects[1]);
    assert_zero(objects[1], 64);
    for (size_t i = 0; i < 2; i++)
        slab_give(&slab, objects[i]);
    slab_deinit(&slab);
}

static void free_blocks_go_back_but_for_one(void **state) {
    struct slab slab;

    (void)state;
    slab_init(&slab, 200);
    for (size_t i = 0; i < OBJECTS; i++)
        objects[i] = slab_take(&slab);
    size_t most = slab.n_blocks;
    assert_true(most * 16 * 1024 < OBJECTS * 210);
    for (size_t i = 0; i < OBJECTS; i++)
        slab_give(&slab, objects[i]);
    assert_int_equal(slab.n_blocks, 1);
    const void *spare = slab.spare;
    assert_non_null(spare);
    objects[0] = slab_take(&slab);
    assert_int_equal(slab.n_blocks, 1);
    slab_give(&slab, objects[0]);
    assert_ptr_equal(slab.spare, spare);
    slab_deinit(&slab);
}

static void taking_and_giving_at_random_keeps_the_rest(void **state) {
    struct slab slab;
    uint64_t seed = 1;

    (void)state;
    memset(objects, 0, sizeof(objects));
    slab_init(&slab, 48);
    for (size_t round = 0; round < 300000; round++) {
        /* Waves, so that blocks fill and empty. */
        size_t i = test_random(&seed) % (round / 50000 % 2 ? OBJECTS : OBJECTS / 20);
        if (objects[i]) {
            assert_filled(objects[i], 48, i);
            slab_give(&slab, objects[i]);
            objects[i] = NULL;
        } else {
            objects[i] = slab_take(&slab);
            assert_zero(objects[i], 48);
            fill(objects[i], 48, i);
        }
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        if (!objects[i])
            continue;
        assert_filled(objects[i], 48, i);
        slab_give(&slab, objects[i]);
    }
    assert_int_equal(slab.used, 0);
    slab_deinit(&slab);
}

TEST_MAIN(TEST_CASE(objects_are_zero_and_apart), TEST_CASE(the_last_freed_comes_first_and_is_zero_again),
          TEST_CASE(free_blocks_go_back_but_for_one), TEST_CASE(taking_and_giving_at_random_keeps_the_rest))
