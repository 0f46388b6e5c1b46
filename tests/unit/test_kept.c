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
    struct kept one = {0}, other = {0};
    (void)state;
    begin();
    assert_int_equal(kept_take(&one, user, &account, 2, &refusal), 0);
    expect(2, 2, 2);
    assert_int_equal(kept_take(&other, user, NULL, 1, &refusal), 0);
    expect(3, 3, 2);
    kept_release(&other);
    kept_close(&one);
    expect(1, 1, 1);
    kept_release(&one);
    expect(0, 0, 0);
    kept_release(&one); /* of zeros by now */
    end();
}

static void a_full_table_takes_nothing(void **state) {
    struct kept kept = {0}, received = {0}, refused = {0};
    (void)state;
    begin();
    fd_table_take(&fd_table, ROOM - 1);
    assert_int_equal(kept_take(&kept, user, NULL, 2, &refusal), -1);
    assert_int_equal(refusal.code, REFUSAL_LIMIT);
    assert_non_null(strstr(refusal.text, "table"));
    expect(ROOM - 1, 0, 0);
    assert_int_equal(kept_take(&kept, user, NULL, 1, &refusal), 0);
    assert_int_equal(kept_receive(&received, &account, &refusal), 0); /* it is in the table already */
    expect(ROOM, 2, 1);
    fd_table_take(&fd_table, 1);
    assert_int_equal(kept_receive(&refused, &account, &refusal), -1);
    kept_release(&refused);
    kept_release(&received);
    kept_release(&kept);
    expect(ROOM, 0, 0);
    end();
}

static void a_quota_that_is_used_up_takes_no_place(void **state) {
    struct kept kept = {0};
    (void)state;
    begin();
    users.limits[USER_DESCRIPTORS] = 1;
    users_renew_limits(&users);
    assert_int_equal(kept_take(&kept, user, &account, 2, &refusal), -1);
    assert_int_equal(kept_take(&kept, user, NULL, 2, &refusal), -1);
    assert_int_equal(refusal.code, REFUSAL_LIMIT);
    assert_int_equal(kept_charge(&kept, user, 2, &refusal), -1);
    expect(0, 0, 0);
    kept_release(&kept);
    end();
}

/* It goes on to the code that closes the descriptor, unless it is adopted. */
static void a_received_ones_place_goes_with_it(void **state) {
    struct kept kept = {0};
    (void)state;
    begin();
    fd_table_take(&fd_table, 1);
    assert_int_equal(kept_receive(&kept, &account, &refusal), 0);
    kept_release(&kept);
    expect(1, 0, 0);
    assert_int_equal(kept_receive(&kept, &account, &refusal), 0);
    kept_adopt(&kept);
    expect(1, 1, 1);
    kept_release(&kept);
    expect(0, 0, 0);
    kept_set_slots(&kept, &fd_table, 2);
    kept_hand_on(&kept);
    kept_release(&kept);
    expect(1, 0, 0);
    end();
}

/* What is its session's is the user's alone when that has ended, and may be another's then. */
static void it_leaves_its_session_and_joins_one(void **state) {
    struct kept kept = {0}, moved = {0};
    struct account other;
    (void)state;
    begin();
    account_init(&other, user, 8, "other");
    assert_int_equal(kept_take(&kept, user, &account, 2, &refusal), 0);
    kept_leave(&kept);
    expect(2, 2, 0);
    kept_leave(&kept);
    kept_join(&kept, &other);
    kept_join(&kept, &other);
    assert_int_equal(other.used[USER_DESCRIPTORS], 2);
    kept_move(&moved, &kept);
    kept_release(&kept); /* of zeros by now */
    expect(2, 2, 0);
    kept_release(&moved);
    assert_int_equal(other.used[USER_DESCRIPTORS], 0);
    expect(0, 0, 0);
    account_deinit(&other);
    end();
}

/* The user may go while a place stays; and come again, or another one. */
static void what_is_nobodys_has_its_place_still(void **state) {
    struct kept kept = {0};
    (void)state;
    begin();
    assert_int_equal(kept_take(&kept, user, NULL, 2, &refusal), 0);
    assert_int_equal(user->refs, 2);
    kept_uncharge(&kept, 1);
    assert_int_equal(user->refs, 2);
    expect(2, 1, 0);
    kept_uncharge(&kept, 1);
    assert_int_equal(user->refs, 1);
    expect(2, 0, 0);
    kept_uncharge(&kept, 0);
    assert_int_equal(kept_charge(&kept, user, 2, &refusal), 0);
    expect(2, 2, 0);
    kept_set_slots(&kept, &fd_table, 5);
    kept_set_slots(&kept, &fd_table, 3);
    expect(3, 2, 0);
    kept_release(&kept);
    assert_int_equal(user->refs, 1);
    expect(0, 0, 0);
    end();
}

TEST_MAIN(TEST_CASE(both_are_taken_and_given_back), TEST_CASE(a_full_table_takes_nothing),
          TEST_CASE(a_quota_that_is_used_up_takes_no_place), TEST_CASE(a_received_ones_place_goes_with_it),
          TEST_CASE(it_leaves_its_session_and_joins_one), TEST_CASE(what_is_nobodys_has_its_place_still))
