/* test_charge.c: an in-flight request is charged to its session while that exists, and to its uid until it is over. */

#include "tests/support/test.h"

#include "daemon/access/account.h"
#include "daemon/access/charge.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"

static void it_outlives_its_session(void **state) {
    struct fd_table fd_table = {.limit = 100000};
    struct refusal refusal;
    struct users users;
    struct account account, sister;
    struct charge charge, other, moved = {0};

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    struct user *user = user_ref(&users, 1000);
    uint64_t limit = limit_of(user, USER_BYTES);
    account_init(&account, user, 1, "one");
    account_init(&sister, user, 2, "sister");
    charge_init(&charge, user, NULL);
    assert_int_equal(charge_set(&charge, USER_BYTES, 100, &refusal), 0);
    assert_int_equal(account.used[USER_BYTES], 0);
    charge_join(&charge, &account);
    assert_int_equal(account.used[USER_BYTES], 100);
    /* A session has less than its uid: another one can always act. */
    charge_init(&other, user, &account);
    assert_int_equal(charge_take(&other, USER_BYTES, limit - 100, &refusal), -1);
    assert_int_equal(refusal.code, REFUSAL_LIMIT);
    assert_int_equal(account_take(&sister, USER_BYTES, limit / 64, &refusal), 0);
    assert_int_equal(charge_take(&other, USER_BYTES, 50, &refusal), 0);
    charge_move(&moved, &other);
    charge_deinit(&other); /* of zeros by now */
    assert_int_equal(account.used[USER_BYTES], 150);
    charges_leave(&account);
    account_deinit(&account);
    assert_int_equal(user->used[USER_BYTES], 150 + limit / 64);
    charge_give(&charge, USER_BYTES, 40);
    assert_int_equal(charge_set(&charge, USER_BYTES, 10, &refusal), 0);
    charge_deinit(&charge);
    charge_deinit(&moved);
    assert_int_equal(user->used[USER_BYTES], limit / 64);
    account_deinit(&sister);
    user_unref(user);
    users_deinit(&users, false);
}

/* A request takes a wait and its bytes, or nothing; one that gives something back gets through, and no sum is wrong after that. */
static void what_gives_back_gets_through(void **state) {
    struct fd_table fd_table;
    struct users users;
    struct account account;
    struct charge request, full, back, refused;
    struct refusal refusal;
    (void)state;
    fd_table_init(&fd_table, 4000, 0);
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    struct user *user = user_ref(&users, 1000);
    uint64_t limit = limit_of(user, USER_BYTES);
    account_init(&account, user, 1, "one");
    assert_int_equal(charge_request(&request, &account, 100, &refusal), 0);
    assert_int_equal(account.used[USER_WAITS], 1);
    assert_int_equal(charge_request(&refused, &account, limit, &refusal), -1);
    assert_int_equal(account.used[USER_WAITS], 1);
    charge_init(&full, user, NULL);
    assert_int_equal(charge_take(&full, USER_BYTES, limit - 100, &refusal), 0);
    charge_return(&back, &account, 50);
    assert_int_equal(user->used[USER_BYTES], limit + 50);
    assert_int_equal(user_left(user, USER_BYTES), 0);
    assert_int_equal(user_take(user, USER_BYTES, 1, &refusal), -1);
    charges_leave(&account);
    account_deinit(&account);
    charge_deinit(&back);
    charge_deinit(&request);
    assert_int_equal(user_left(user, USER_BYTES), 100);
    charge_deinit(&full);
    user_unref(user);
    users_deinit(&users, false);
}

/* Without a struct that remembers it: the caller says what is given back, and on which account. */
static void a_request_may_say_itself_what_it_has_taken(void **state) {
    struct fd_table fd_table;
    struct users users;
    struct account account;
    struct refusal refusal;
    (void)state;
    fd_table_init(&fd_table, 4000, 0);
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    struct user *user = user_ref(&users, 1000);
    account_init(&account, user, 1, "one");
    assert_int_equal(charge_take_request(&account, limit_of(user, USER_BYTES), &refusal), -1);
    assert_int_equal(user->used[USER_WAITS], 0);
    assert_int_equal(account.used[USER_WAITS], 0);
    assert_int_equal(charge_take_request(&account, 100, &refusal), 0);
    assert_int_equal(charge_take_request(&account, 50, &refusal), 0);
    charge_leave_request(&account, 50);
    assert_int_equal(account.used[USER_WAITS], 1);
    assert_int_equal(account.used[USER_BYTES], 100);
    assert_int_equal(user->used[USER_BYTES], 150);
    charge_give_request(user, NULL, 50);
    charge_give_request(user, &account, 100);
    account_deinit(&account);
    user_unref(user); /* asserts that nothing is used */
    users_deinit(&users, false);
}

/* Nor does an object: and a copy needs room in the table, too. */
static void so_may_an_object(void **state) {
    enum { ROOM = 100 };
    struct fd_table fd_table;
    struct users users;
    struct account account;
    struct refusal refusal;
    (void)state;
    fd_table_init(&fd_table, ROOM + FD_TABLE_KEEP, 0);
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    struct user *user = user_ref(&users, 0);
    account_init(&account, user, 1, "one");
    assert_int_equal(charge_take_object(&account, USER_DESCRIPTORS, &refusal), 0);
    assert_int_equal(charge_take_object(&account, USER_OBJECTS, &refusal), 0);
    fd_table_take(&fd_table, ROOM + 1);
    assert_int_equal(charge_take_object(&account, USER_DESCRIPTORS, &refusal), -1);
    assert_non_null(strstr(refusal.text, "table"));
    assert_int_equal(charge_take_object(&account, USER_OBJECTS, &refusal), 0);
    assert_int_equal(account.used[USER_OBJECTS], 2);
    charge_leave_object(&account, USER_DESCRIPTORS);
    assert_int_equal(account.used[USER_DESCRIPTORS], 0);
    assert_int_equal(user->used[USER_DESCRIPTORS], 1);
    charge_give_object(user, NULL, USER_DESCRIPTORS);
    charge_give_object(user, &account, USER_OBJECTS);
    charge_give_object(user, &account, USER_OBJECTS);
    account_deinit(&account);
    user_unref(user); /* asserts that nothing is used */
    users_deinit(&users, false);
}

TEST_MAIN(TEST_CASE(it_outlives_its_session), TEST_CASE(what_gives_back_gets_through),
          TEST_CASE(a_request_may_say_itself_what_it_has_taken), TEST_CASE(so_may_an_object))
