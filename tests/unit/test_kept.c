/* test_kept.c: table and account are charged together or not at all, and uncharged together. */

#include "tests/support/test.h"

#include "daemon/access/account.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/kept.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"

enum { ROOM = 100 };

static struct fd_table fd_table;
static struct users users;
static struct user *user;
static struct account account;
static struct refusal refusal;

static void begin(void) {
    fd_table_init(&fd_table, ROOM + FD_TABLE_KEEP, 0);
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    user = user_ref(&users, 0);
    account_init(&account, user, 7, "client");
}

static void end(void) {
    account_deinit(&account);
    user_unref(user);
    users_deinit(&users, false);
}

static void expect(size_t used, size_t of_user, size_t of_account) {
    assert_int_equal(fd_table.used, used);
    assert_int_equal(user->used[USER_DESCRIPTORS], of_user);
    assert_int_equal(account.used[USER_DESCRIPTORS], of_account);
}

static void both_are_taken_and_given_back(void **state) {
    (void)state;
    begin();
    assert_int_equal(kept_take(user, &account, 2, &refusal), 0);
    expect(2, 2, 2);
    assert_int_equal(kept_take(user, NULL, 1, &refusal), 0);
    expect(3, 3, 2);
    kept_give(user, NULL, 1);
    kept_give(user, &account, 1);
    expect(1, 1, 1);
    kept_give(user, &account, 1);
    expect(0, 0, 0);
    end();
}

static void a_full_table_takes_nothing(void **state) {
    (void)state;
    begin();
    fd_table_take(&fd_table, ROOM - 1);
    assert_int_equal(kept_take(user, NULL, 2, &refusal), -1);
    assert_int_equal(refusal.code, REFUSAL_LIMIT);
    assert_non_null(strstr(refusal.text, "table"));
    expect(ROOM - 1, 0, 0);
    assert_int_equal(kept_take(user, NULL, 1, &refusal), 0);
    assert_int_equal(kept_receive(&account, &refusal), 0); /* it is in the table already */
    expect(ROOM, 2, 1);
    fd_table_take(&fd_table, 1);
    assert_int_equal(kept_receive(&account, &refusal), -1);
    kept_uncharge(user, &account, 1);
    kept_give(user, NULL, 1);
    end();
}

static void a_quota_that_is_used_up_takes_no_place(void **state) {
    (void)state;
    begin();
    users.limits[USER_DESCRIPTORS] = 1;
    assert_int_equal(kept_take(user, &account, 2, &refusal), -1);
    assert_int_equal(kept_take(user, NULL, 2, &refusal), -1);
    assert_int_equal(refusal.code, REFUSAL_LIMIT);
    expect(0, 0, 0);
    end();
}

TEST_MAIN(TEST_CASE(both_are_taken_and_given_back), TEST_CASE(a_full_table_takes_nothing),
          TEST_CASE(a_quota_that_is_used_up_takes_no_place))
