/* test_holders.c: refusals name the largest of the caller's own sessions, and other uids only to callers who may see them. */

#include "tests/support/test.h"

#include "daemon/access/account.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"

enum { MANY = 4 * HOLDERS_LOOKS, OWN = 7 };

static struct fd_table fd_table;
static struct users users;
static struct account accounts[MANY];

static struct user *begin(uint32_t uid) {
    struct user *user;
    fd_table_init(&fd_table, 100000, 0);
    assert_int_equal(users_init(&users, OWN, &fd_table, 1), 0);
    user = user_ref(&users, uid);
    assert_non_null(user);
    return user;
}

static void end(struct user *user, size_t n) {
    for (size_t i = 0; i < n; i++)
        account_deinit(&accounts[i]);
    user_unref(user);
    users_deinit(&users, false);
}

static void make(struct user *user, size_t n) {
    for (size_t i = 0; i < n; i++)
        account_init(&accounts[i], user, 100 + i, "client");
}

static void take(struct account *account, uint64_t amount) {
    struct refusal refusal;
    assert_int_equal(account_take(account, USER_WAITS, amount, &refusal), 0);
}

static void is_told(struct user *user, const char *text) {
    char told[160] = "";
    holders_write(user, USER_WAITS, told, sizeof told);
    assert_string_equal(told, text);
}

static void the_biggest_come_first(void **state) {
    struct user *user = begin(1000);
    (void)state;
    make(user, 5);
    is_told(user, "");
    for (size_t i = 0; i < 5; i++)
        take(&accounts[i], 10 + i);
    is_told(user, " session 104 (client) 14, session 103 (client) 13, session 102 (client) 12");
    take(&accounts[0], 3);
    is_told(user, " session 104 (client) 14, session 103 (client) 13, session 100 (client) 13");
    end(user, 5);
}

static void those_that_gave_things_back_make_room(void **state) {
    struct user *user = begin(1000);
    (void)state;
    make(user, 5);
    for (size_t i = 0; i < 5; i++)
        take(&accounts[i], 20 - i);
    for (size_t i = 0; i < 3; i++)
        account_give(&accounts[i], USER_WAITS, 20 - i);
    is_told(user, " session 103 (client) 17, session 104 (client) 16");
    account_deinit(&accounts[3]);
    is_told(user, " session 104 (client) 16");
    account_deinit(&accounts[4]);
    is_told(user, "");
    end(user, 3);
}

/* Of many the big ones are known, and each refusal looks at some more. */
static void of_many_the_big_ones_are_known(void **state) {
    struct user *user = begin(1000);
    (void)state;
    make(user, MANY);
    for (size_t i = 0; i < MANY; i++)
        take(&accounts[i], i == MANY / 2 ? 9 : 1);
    for (int i = 0; i < 5; i++) {
        char told[160] = "";
        holders_write(user, USER_WAITS, told, sizeof told);
        assert_memory_equal(told, " session 228 (client) 9,", 24);
    }
    /* Its successor took nothing since; it is found by going round. */
    take(&accounts[3], 4);
    for (int place = 0; place < 3; place++)
        for (size_t i = 0; i < MANY; i++)
            if (i != 3 && i != MANY / 2 && accounts[i].used[USER_WAITS])
                account_give(&accounts[i], USER_WAITS, 1);
    is_told(user, " session 228 (client) 9, session 103 (client) 5");
    end(user, MANY);
}

/* What no session has is nobody's, and so nobody is named. */
static void a_refusal_names_those_alone_who_have_something(void **state) {
    struct user *user = begin(1000);
    struct refusal refusal;
    uint64_t limit = limit_of(user, USER_WAITS);
    (void)state;
    make(user, 1);
    assert_int_equal(user_take(user, USER_WAITS, limit - 1, &refusal), 0);
    assert_int_equal(user_take(user, USER_WAITS, 2, &refusal), -1);
    assert_non_null(strstr(refusal.text, "asks for 2 more"));
    assert_null(strstr(refusal.text, "most"));
    take(&accounts[0], 1);
    assert_int_equal(user_take(user, USER_WAITS, 1, &refusal), -1);
    assert_non_null(strstr(refusal.text, "more; most: session 100 (client) 1"));
    user_give(user, USER_WAITS, limit - 1);
    end(user, 1);
}

static void other_uids_are_told_to_those_alone_who_may_see_them(void **state) {
    struct user *user = begin(1000), *other = user_ref(&users, 2000), *own = user_ref(&users, OWN);
    struct refusal refusal;
    (void)state;
    make(other, 1);
    assert_int_equal(account_take(&accounts[0], USER_DESCRIPTORS, 500, &refusal), 0);
    assert_int_equal(holders_refuse_table(user, &refusal), -1);
    assert_int_equal(refusal.code, REFUSAL_LIMIT);
    assert_null(strstr(refusal.text, "2000"));
    assert_null(strstr(refusal.text, "session"));
    assert_null(strstr(refusal.text, "most"));
    assert_non_null(strstr(refusal.text, "uid 1000 has 0"));
    assert_int_equal(holders_refuse_table(own, &refusal), -1);
    assert_non_null(strstr(refusal.text, "uid 2000 has the most slots, 500"));
    assert_null(strstr(refusal.text, "session")); /* whose they are is for list */
    user_unref(own);
    user_unref(user);
    end(other, 1);
}

static void a_slow_rate_is_a_rate(void **state) {
    struct user *user = begin(OWN), *other;
    (void)state;
    users.rate = 3;
    users_renew_limits(&users);
    other = user_ref(&users, 1000);
    assert_int_equal(limit_rate(other), 1);
    assert_int_equal(user_spend(other), 0);
    for (int i = 0; i < 3; i++)
        (void)user_spend(other);
    user_unref(other);
    end(user, 0);
}

/* The next refusal goes on with another one where it would have gone on. */
static void one_that_goes_is_not_looked_at_any_more(void **state) {
    enum { SOME = HOLDERS_LOOKS + 5 };
    struct user *user = begin(1000);
    char told[160];
    (void)state;
    make(user, SOME);
    holders_write(user, USER_WAITS, told, sizeof told);
    assert_ptr_equal(user->seen, &accounts[HOLDERS_LOOKS]);
    holders_forget(user, &accounts[0]);
    assert_ptr_equal(user->seen, &accounts[HOLDERS_LOOKS]);
    holders_forget(user, &accounts[HOLDERS_LOOKS]);
    assert_ptr_equal(user->seen, &accounts[HOLDERS_LOOKS + 1]);
    end(user, SOME);
}

TEST_MAIN(TEST_CASE(a_refusal_names_those_alone_who_have_something),
          TEST_CASE(one_that_goes_is_not_looked_at_any_more), TEST_CASE(the_biggest_come_first),
          TEST_CASE(those_that_gave_things_back_make_room), TEST_CASE(of_many_the_big_ones_are_known),
          TEST_CASE(other_uids_are_told_to_those_alone_who_may_see_them), TEST_CASE(a_slow_rate_is_a_rate))
