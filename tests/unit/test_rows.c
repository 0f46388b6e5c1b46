/* test_rows.c: the rows of accounts: each uid once, in order, a page at a time. */

#include "tests/support/test.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/registry.h"
#include "daemon/session/rows.h"
#include "daemon/session/session.h"

enum { UIDS = 2 * ROWS_USERS + 3 };

static struct fd_table fd_table = {.limit = 1000 + FD_TABLE_KEEP};
static struct users users;
static struct registry registry = {.env = {.users = &users, .fd_table = &fd_table}};
static struct sessions sessions = {.env = &registry.env, .registry = &registry};
static struct user *all[UIDS];

static void begin(void) {
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    for (uint32_t i = 0; i < UIDS; i++) {
        all[i] = user_ref(&users, 10 * i);
        assert_non_null(all[i]);
    }
}

static void end(void) {
    for (size_t i = 0; i < UIDS; i++)
        user_unref(all[i]);
    users_deinit(&users, false);
}

static uint64_t uid_of(const struct row *row) {
    assert_string_equal(row->labels[0].name, "uid");
    return strtoull(row->labels[0].value, NULL, 10);
}

/* The rows of a page, which are of the uids from the first to the last of these places. */
static void expect(struct rows *rows, size_t first, size_t n) {
    struct row row;
    for (int family = 0; family < 2; family++)
        for (size_t i = 0; i < n * USER_QUOTAS; i++) {
            const struct user *user = all[first + i / USER_QUOTAS];
            enum user_quota slot = (enum user_quota)(i % USER_QUOTAS);
            assert_true(rows_next(rows, &row));
            assert_int_equal(row.family, family ? FAMILY_USER_LIMIT : FAMILY_USER_USED);
            assert_int_equal(uid_of(&row), user->uid);
            assert_string_equal(row.labels[1].value, quota_name(slot));
            assert_int_equal(row.value, family ? limit_of(user, slot) : user->used[slot]);
        }
    for (size_t i = 0; i < n; i++) {
        assert_true(rows_next(rows, &row));
        assert_int_equal(row.family, FAMILY_USER_REQUESTS);
        assert_int_equal(row.n_labels, 1);
        assert_int_equal(uid_of(&row), all[first + i]->uid);
    }
    assert_false(rows_next(rows, &row));
    assert_false(rows_next(rows, &row));
}

static void users_are_told_a_page_at_a_time(void **state) {
    struct refusal refusal;
    struct rows rows;
    (void)state;
    begin();
    assert_int_equal(user_take(all[3], USER_WAITS, 7, &refusal), 0);
    rows_begin(&rows, &sessions, false, NULL, 0);
    expect(&rows, 0, ROWS_USERS);
    assert_int_equal(rows.next, all[ROWS_USERS]->uid);
    rows_begin(&rows, &sessions, false, NULL, rows.next);
    expect(&rows, ROWS_USERS, ROWS_USERS);
    rows_begin(&rows, &sessions, false, NULL, rows.next);
    expect(&rows, (size_t)2 * ROWS_USERS, 3);
    assert_int_equal(rows.next, 0);
    user_give(all[3], USER_WAITS, 7);
    end();
}

static void one_is_told_of_itself_alone(void **state) {
    struct rows rows;
    (void)state;
    begin();
    rows_begin(&rows, &sessions, false, all[5], 0);
    expect(&rows, 5, 1);
    assert_int_equal(rows.next, 0);
    rows_begin(&rows, &sessions, false, all[5], all[5]->uid + 1);
    expect(&rows, 5, 0);
    end();
}

/* Whose rows are its own gets of the broker what no uid changes. */
static void one_is_told_no_sums(void **state) {
    static const enum metrics_family families[] = {FAMILY_BROKER, FAMILY_UPTIME, FAMILY_TABLE};
    struct rows rows;
    struct row row;
    (void)state;
    begin();
    rows_begin(&rows, &sessions, true, all[5], 0);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        assert_true(rows_next(&rows, &row));
        assert_int_equal(row.family, families[i]);
    }
    assert_string_equal(row.labels[0].value, "limit");
    assert_int_equal(row.value, fd_table.limit);
    expect(&rows, 5, 1);
    end();
}

TEST_MAIN(TEST_CASE(users_are_told_a_page_at_a_time), TEST_CASE(one_is_told_of_itself_alone),
          TEST_CASE(one_is_told_no_sums))
