/* test_table.c: the table against a plain array with the same contents. */
#include "tests/support/test.h"

#include "daemon/base/table.h"
#include "tests/support/random.h"

enum { ENTRIES = 3000 };

struct entry {
    char before[16]; /* the key is not at the beginning */
    uint64_t key;
    bool present;
};

static struct entry entries[ENTRIES];

/* Keys that differ in low bits, in high bits and in all. */
static void entries_init(void) {
    for (size_t i = 0; i < ENTRIES; i++) {
        uint64_t n = i;
        entries[i] = (struct entry){.key = i % 3 == 0   ? n
                                           : i % 3 == 1 ? n << 40
                                                        : n * UINT64_C(0x2545F4914F6CDD1D)};
    }
}

static void assert_knows(const struct table *table, const struct entry *entry) {
    assert_ptr_equal(table_find(table, entry->key), entry->present ? entry : NULL);
}

static void an_empty_table_finds_nothing(void **state) {
    struct table table;

    (void)state;
    table_init(&table, offsetof(struct entry, key), 1);
    assert_null(table_find(&table, 0));
    assert_null(table.slots);
    table_deinit(&table);
}

static void what_was_added_is_found_by_its_key(void **state) {
    struct table table;

    (void)state;
    entries_init();
    table_init(&table, offsetof(struct entry, key), 7);
    for (size_t i = 0; i < ENTRIES; i++) {
        assert_int_equal(table_add(&table, &entries[i]), 0);
        entries[i].present = true;
    }
    for (size_t i = 0; i < ENTRIES; i++)
        assert_knows(&table, &entries[i]);
    assert_null(table_find(&table, UINT64_MAX));
    table_deinit(&table);
}

static void adding_and_removing_at_random_keeps_the_rest(void **state) {
    struct table table;
    uint64_t seed = 1;

    (void)state;
    entries_init();
    table_init(&table, offsetof(struct entry, key), 99);
    for (size_t round = 0; round < 200000; round++) {
        struct entry *entry = &entries[test_random(&seed) % ENTRIES];
        if (entry->present)
            table_remove(&table, entry);
        else
            assert_int_equal(table_add(&table, entry), 0);
        entry->present = !entry->present;
        assert_knows(&table, entry);
        assert_knows(&table, &entries[test_random(&seed) % ENTRIES]);
    }
    for (size_t i = 0; i < ENTRIES; i++)
        assert_knows(&table, &entries[i]);
    table_deinit(&table);
}

static void no_more_than_three_quarters_are_full(void **state) {
    struct table table;

    (void)state;
    entries_init();
    table_init(&table, offsetof(struct entry, key), 3);
    for (size_t i = 0; i < ENTRIES; i++) {
        assert_int_equal(table_add(&table, &entries[i]), 0);
        assert_true(table.used * 4 <= table.capacity * 3);
        assert_true(table.capacity <= 8 || table.used * 8 >= table.capacity * 3);
    }
    table_deinit(&table);
}

static void after_reserve_an_add_takes_no_memory(void **state) {
    struct table table;

    (void)state;
    entries_init();
    table_init(&table, offsetof(struct entry, key), 3);
    for (size_t i = 0; i < ENTRIES; i++) {
        assert_int_equal(table_reserve(&table), 0);
        void *const *slots = table.slots;
        assert_int_equal(table_add(&table, &entries[i]), 0);
        assert_ptr_equal(table.slots, slots);
    }
    table_deinit(&table);
}

/* Growing moves a few entries with each call; until it is over both halves are found and walked over. */
static void growing_takes_a_little_of_each_call(void **state) {
    struct table table;
    size_t growing = 0;

    (void)state;
    entries_init();
    table_init(&table, offsetof(struct entry, key), 3);
    for (size_t i = 0; i < ENTRIES; i++) {
        size_t left = 0, seen = 0;
        assert_int_equal(table_add(&table, &entries[i]), 0);
        for (size_t place = 0; table.old && place < table_places(&table); place++) {
            seen += table_at(&table, place) != NULL;
            left += place >= table.capacity && table_at(&table, place);
        }
        if (!table.old)
            continue;
        growing++;
        assert_int_equal(seen, table.used);
        assert_ptr_equal(table_find(&table, entries[i].key), &entries[i]);
        assert_ptr_equal(table_find(&table, entries[0].key), &entries[0]);
        if (left > 64 && i % 2) { /* one of the old half goes, and comes back */
            size_t place = table_places(&table) - 1;
            while (!table_at(&table, place))
                place--;
            struct entry *entry = table_at(&table, place);
            table_remove(&table, entry);
            assert_null(table_find(&table, entry->key));
            assert_int_equal(table_add(&table, entry), 0);
        }
    }
    assert_true(growing > 10);
    table_deinit(&table);
}

static void memory_is_given_back_when_few_are_left(void **state) {
    struct table table;

    (void)state;
    entries_init();
    table_init(&table, offsetof(struct entry, key), 3);
    for (size_t i = 0; i < ENTRIES; i++)
        assert_int_equal(table_add(&table, &entries[i]), 0);
    size_t largest = table.capacity;
    for (size_t i = 1; i < ENTRIES; i++)
        table_remove(&table, &entries[i]);
    assert_true(table.capacity < largest / 64);
    assert_ptr_equal(table_find(&table, entries[0].key), &entries[0]);
    table_deinit(&table);
}

static void the_seed_changes_the_order(void **state) {
    struct table tables[2];

    (void)state;
    entries_init();
    for (size_t t = 0; t < 2; t++) {
        table_init(&tables[t], offsetof(struct entry, key), t + 1);
        for (size_t i = 0; i < ENTRIES; i++)
            assert_int_equal(table_add(&tables[t], &entries[i]), 0);
    }
    assert_memory_not_equal(tables[0].slots, tables[1].slots, tables[0].capacity * sizeof(void *));
    table_deinit(&tables[0]);
    table_deinit(&tables[1]);
}

/* Sequential ids are what most tables hold: they must not gather in one run. */
static void probes_stay_short(void **state) {
    struct table table;
    size_t run = 0, longest = 0;

    (void)state;
    for (size_t i = 0; i < ENTRIES; i++)
        entries[i] = (struct entry){.key = i + 1};
    table_init(&table, offsetof(struct entry, key), UINT64_C(0x1234567890abcdef));
    for (size_t i = 0; i < ENTRIES; i++)
        assert_int_equal(table_add(&table, &entries[i]), 0);
    for (size_t i = 0; i < table.capacity; i++) {
        run = table.slots[i] ? run + 1 : 0;
        if (run > longest)
            longest = run;
    }
    assert_true(longest < 200);
    table_deinit(&table);
}

TEST_MAIN(TEST_CASE(an_empty_table_finds_nothing), TEST_CASE(what_was_added_is_found_by_its_key),
          TEST_CASE(adding_and_removing_at_random_keeps_the_rest),
          TEST_CASE(no_more_than_three_quarters_are_full), TEST_CASE(after_reserve_an_add_takes_no_memory),
          TEST_CASE(growing_takes_a_little_of_each_call), TEST_CASE(memory_is_given_back_when_few_are_left),
          TEST_CASE(the_seed_changes_the_order), TEST_CASE(probes_stay_short))
