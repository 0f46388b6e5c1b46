/* test_user.c: the accounts of uids, in the order that somebody who looks at all of them wants. */
#include "tests/support/test.h"

#include "daemon/access/user.h"

enum { UIDS = 50, ROOM = 8 };

/* Some order that is none, each uid once. */
static uint32_t uid_of(uint32_t i) { return i * 37 % UIDS * 1000; }

static void users_come_in_the_order_of_their_uids(void **state) {
    const struct user *found[ROOM];
    struct user *all[UIDS];
    struct users users;
    uint64_t from = 0;
    size_t n, seen = 0;

    (void)state;
    users_init(&users, 0, 1000, 1);
    for (uint32_t i = 0; i < UIDS; i++) {
        all[i] = user_ref(&users, uid_of(i));
        assert_non_null(all[i]);
    }
    while ((n = users_next(&users, from, found, ROOM)) > 0) {
        for (size_t i = 0; i < n; i++)
            assert_int_equal(found[i]->uid, 1000 * (seen + i));
        seen += n;
        from = found[n - 1]->uid + 1;
    }
    assert_int_equal(seen, UIDS);
    assert_int_equal(users_next(&users, 1, found, ROOM), ROOM);
    assert_int_equal(found[0]->uid, 1000);
    for (uint32_t i = 0; i < UIDS; i++)
        user_unref(all[i]);
    assert_int_equal(users_next(&users, 0, found, ROOM), 0);
    users_deinit(&users);
}

static void requests_are_counted_for_each_uid(void **state) {
    struct users users;
    struct user *one, *other;

    (void)state;
    users_init(&users, 0, 1000, 1);
    one = user_ref(&users, 1);
    other = user_ref(&users, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(user_spend(one), 0);
    assert_int_equal(user_spend(other), 0);
    assert_int_equal(one->requests, 3);
    assert_int_equal(other->requests, 1);
    user_unref(one);
    user_unref(other);
    users_deinit(&users);
}

TEST_MAIN(TEST_CASE(users_come_in_the_order_of_their_uids), TEST_CASE(requests_are_counted_for_each_uid))
