/* test_journal.c: a ring of notices: which it keeps, and under which numbers. */
#include "tests/support/test.h"

#include "daemon/base/journal.h"

enum { CAPACITY = 7 };

static const uint64_t first = UINT64_C(1) << 52;

static void note(struct journal *journal, uint64_t id) {
    const struct notice notice = {.event = JOURNAL_MADE, .id = id};

    journal_note(journal, &notice);
}

static void an_empty_one_keeps_nothing(void **state) {
    struct journal journal;

    (void)state;
    assert_int_equal(journal_init(&journal, CAPACITY, first), 0);
    assert_int_equal(journal.next, first);
    assert_int_equal(journal_oldest(&journal), first);
    journal_deinit(&journal);
    journal_deinit(&journal);
    journal = (struct journal){0};
    journal_deinit(&journal);
}

static void the_last_ones_are_kept_under_their_numbers(void **state) {
    struct journal journal;

    (void)state;
    assert_int_equal(journal_init(&journal, CAPACITY, first), 0);
    for (uint64_t n = 0; n < 4 * CAPACITY; n++) {
        uint64_t kept = n + 1 < CAPACITY ? n + 1 : CAPACITY;
        note(&journal, n);
        assert_int_equal(journal.next, first + n + 1);
        assert_int_equal(journal_oldest(&journal), first + n + 1 - kept);
        for (uint64_t number = journal_oldest(&journal); number < journal.next; number++)
            assert_int_equal(journal_at(&journal, number)->id, number - first);
    }
    journal_deinit(&journal);
}

/* Member by member: what lies between them is nobody's. */
static void assert_same(const struct notice *a, const struct notice *b) {
    assert_true(a->time_us == b->time_us && a->number == b->number);
    assert_true(a->session == b->session && a->id == b->id && a->descriptor == b->descriptor);
    assert_true(a->uid == b->uid && a->pid == b->pid && a->connection == b->connection);
    assert_true(a->event == b->event && a->cause == b->cause && a->direction == b->direction);
    assert_true(a->type == b->type && a->code == b->code && a->method == b->method);
}

static void a_notice_is_copied_whole(void **state) {
    struct journal journal;
    struct notice notice = {.time_us = -5,
                            .session = 1,
                            .id = 2,
                            .descriptor = 3,
                            .number = -4,
                            .uid = 5,
                            .pid = 6,
                            .connection = 7,
                            .event = 8,
                            .cause = 9,
                            .direction = 10,
                            .type = 11,
                            .code = 12,
                            .method = 13};
    struct notice before = notice;

    (void)state;
    assert_int_equal(journal_init(&journal, 1, 5), 0);
    journal_note(&journal, &notice);
    notice = (struct notice){0};
    assert_same(journal_at(&journal, 5), &before);
    note(&journal, 77);
    assert_int_equal(journal_at(&journal, 6)->id, 77);
    assert_int_equal(journal_oldest(&journal), 6);
    journal_deinit(&journal);
}

TEST_MAIN(TEST_CASE(an_empty_one_keeps_nothing), TEST_CASE(the_last_ones_are_kept_under_their_numbers),
          TEST_CASE(a_notice_is_copied_whole))
