/* test_user.c: the accounts of uids, in the order in which pages list them, and their journals. */

#include "tests/support/test.h"

#include "daemon/access/account.h"
#include "daemon/access/fd_table.h"
#include "daemon/access/kept.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/journal.h"
#include "proto/os.h"

enum { UIDS = 50, ROOM = 8 };

static struct fd_table fd_table = {.limit = 1000 + FD_TABLE_KEEP};

/* Some order that is none, each uid once. */
static uint32_t uid_of(uint32_t i) { return i * 37 % UIDS * 1000; }

static void users_come_in_the_order_of_their_uids(void **state) {
    const struct user *found[ROOM];
    struct user *all[UIDS];
    struct users users;
    uint64_t from = 0;
    size_t n, seen = 0;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
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
    users_deinit(&users, false);
}

/* Who owes time is known until it is paid, has nothing meanwhile and is not listed. */
static void who_owes_time_is_known_until_it_is_paid(void **state) {
    const struct user *found[ROOM];
    struct users users;
    struct user *one, *other;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    one = user_ref(&users, 1);
    other = user_ref(&users, 2);
    one->lane.owes_until = one->lane.rest_until = INT64_MAX;
    user_unref(one);
    assert_int_equal(users.n_owing, 1);
    assert_int_equal(users_next(&users, 0, found, ROOM), 1);
    assert_ptr_equal(found[0], other);
    assert_ptr_equal(user_ref(&users, 1), one);
    assert_int_equal(users.n_owing, 0);
    assert_true(lane_rests(&one->lane));
    assert_int_equal(users_next(&users, 0, found, ROOM), 2);
    user_unref(one);
    assert_int_equal(users.by_uid.used, 2);
    one->lane.owes_until = one->lane.rest_until = 1;
    other->lane.owes_until = INT64_MAX;
    user_unref(other); /* looks at the others that owe */
    assert_int_equal(users.n_owing, 1);
    assert_int_equal(users.by_uid.used, 1);
    users_deinit(&users, false);
    assert_int_equal(users.n_owing, 0);
}

static void requests_are_counted_for_each_uid(void **state) {
    struct users users;
    struct user *one, *other;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    one = user_ref(&users, 1);
    other = user_ref(&users, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(user_spend(one), 0);
    assert_int_equal(user_spend(other), 0);
    assert_int_equal(one->requests, 3);
    assert_int_equal(other->requests, 1);
    user_unref(one);
    user_unref(other);
    users_deinit(&users, false);
}

/* The broker's own uid may have all that there is, every other one a quarter. */
static void others_have_a_quarter(void **state) {
    enum { OWN = 5, OTHER = 6 };
    struct users users;
    struct user *own, *other;
    struct refusal refusal;

    (void)state;
    assert_int_equal(users_init(&users, OWN, &fd_table, 1), 0);
    own = user_ref(&users, OWN);
    other = user_ref(&users, OTHER);
    for (int slot = 0; slot < USER_QUOTAS; slot++) {
        assert_int_equal(limit_of(own, (enum user_quota)slot), users.limits[slot]);
        assert_int_equal(limit_of(other, (enum user_quota)slot), users.limits[slot] / 4);
    }
    assert_int_equal(limit_rate(other), limit_rate(own) / 4);
    /* To the last one. */
    uint64_t limit = limit_of(other, USER_WAITS);
    assert_int_equal(user_take(other, USER_WAITS, limit, &refusal), 0);
    assert_int_equal(user_left(other, USER_WAITS), 0);
    assert_int_equal(user_take(other, USER_WAITS, 1, &refusal), -1);
    user_give(other, USER_WAITS, limit);
    user_unref(own);
    user_unref(other);
    users_deinit(&users, false);
}

/* What is set for one uid is absolute; what is not is as for others. */
static void an_override_is_for_one_uid(void **state) {
    enum { OWN = 5, ONE = 6, OTHER = 7, LATE = 8 };
    struct limit_override *overrides = calloc(3, sizeof *overrides);
    struct limits own = {.rate = 80};
    struct users users;
    struct user *one, *other, *late, *broker;

    (void)state;
    assert_non_null(overrides);
    assert_int_equal(users_init(&users, OWN, &fd_table, 1), 0);
    broker = user_ref(&users, OWN);
    one = user_ref(&users, ONE);
    other = user_ref(&users, OTHER);
    for (int slot = 0; slot < USER_QUOTAS; slot++)
        own.of[slot] = LIMIT_NOT_SET;
    own.of[USER_WAITS] = 400;
    for (size_t i = 0; i < 3; i++) {
        overrides[i].limits = own;
        overrides[i].limits.rate = LIMIT_NOT_SET;
        overrides[i].limits.of[USER_WAITS] = LIMIT_NOT_SET;
    }
    overrides[0].uid = OWN;
    overrides[0].limits.of[USER_WAITS] = 10;
    overrides[1].uid = ONE;
    overrides[1].limits.of[USER_WAITS] = 3000; /* more than the broker's own */
    overrides[1].limits.of[USER_DESCRIPTORS] = SIZE_MAX;
    overrides[1].limits.rate = 7;
    overrides[2].uid = LATE;
    overrides[2].limits.of[USER_SESSIONS] = 0;
    limits_set(&users, &own, overrides, 3);
    users_renew_limits(&users);
    late = user_ref(&users, LATE);
    assert_int_equal(limit_of(broker, USER_WAITS), 10);
    assert_int_equal(limit_of(one, USER_WAITS), 3000);
    assert_int_equal(limit_of(other, USER_WAITS), 100);
    assert_int_equal(limit_of(late, USER_WAITS), 100);
    assert_int_equal(limit_of(late, USER_SESSIONS), 0);
    assert_int_equal(limit_of(one, USER_SESSIONS), limit_of(other, USER_SESSIONS));
    assert_int_equal(limit_rate(broker), 80);
    assert_int_equal(limit_rate(one), 7);
    assert_int_equal(limit_rate(other), 20);
    /* Of the table nobody gets more than without it. */
    assert_int_equal(limit_of(one, USER_DESCRIPTORS), fd_table_free(&fd_table) / 4);
    limits_set(&users, &(struct limits){.of = {1, 1, 1, 1, 1, 1}, .rate = 1}, NULL, 0);
    users_renew_limits(&users);
    assert_int_equal(limit_of(one, USER_WAITS), 0);
    assert_int_equal(limit_of(broker, USER_WAITS), 1);
    assert_int_equal(limit_rate(other), 1);
    user_unref(broker);
    user_unref(one);
    user_unref(other);
    user_unref(late);
    users_deinit(&users, false);
}

/* Descriptors of a uid that takes as many as it may have: so many. */
static uint64_t keep_all(struct kept *kept, struct user *user) {
    struct refusal refusal;
    uint64_t n = 0;

    while (kept_take(kept, user, NULL, 1, &refusal) == 0)
        n++;
    assert_int_equal(refusal.code, REFUSAL_LIMIT);
    return n;
}

/* Each may have a quarter of the table, and no more than it leaves free; the reserve is for root and the broker's own uid. */
static void of_the_table_each_leaves_something(void **state) {
    enum { OWN = 9, PLACES = 1032, RESERVE = 32 };
    static const uint64_t gets[] = {258, 258, 242, 121, 60, 30, 15, 8, 4, 2, 1, 0, 0};
    struct fd_table table = {.limit = PLACES + FD_TABLE_KEEP};
    struct users users;
    struct refusal refusal;
    struct user *user[13], *root, *own;
    struct kept kept[13] = {{0}}, of_root = {0}, of_own = {0};

    (void)state;
    assert_int_equal(users_init(&users, OWN, &table, 1), 0);
    assert_int_equal(users.reserve, RESERVE);
    for (uint32_t i = 0; i < 13; i++) {
        user[i] = user_ref(&users, i + 10);
        assert_int_equal(keep_all(&kept[i], user[i]), gets[i]);
    }
    /* What one gives back is for all. */
    for (int i = 0; i < 200; i++)
        kept_close(&kept[0]);
    assert_int_equal(keep_all(&kept[12], user[12]), 100);
    assert_int_equal(keep_all(&kept[0], user[0]), 21);
    root = user_ref(&users, 0);
    own = user_ref(&users, OWN);
    fd_table_take(&table, fd_table_free(&table) - RESERVE);
    fd_table_take(&table, 1); /* who connects */
    assert_false(limit_may_connect(user[11]));
    assert_true(limit_may_connect(root));
    fd_table_give(&table, 1);
    assert_int_equal(kept_take(&of_root, root, NULL, RESERVE / 2, &refusal), 0);
    assert_int_equal(kept_take(&of_own, own, NULL, RESERVE / 2, &refusal), 0);
    assert_int_equal(kept_take(&of_root, root, NULL, 1, &refusal), -1);
    assert_non_null(strstr(refusal.text, "table is full"));
    for (uint32_t i = 0; i < 13; i++) {
        kept_release(&kept[i]);
        user_unref(user[i]);
    }
    kept_release(&of_own);
    kept_release(&of_root);
    user_unref(root);
    user_unref(own);
    users_deinit(&users, false);
}

/* Connections and descriptors are one share, but for the first connections: with them who has filled it can still act. */
static void connections_and_descriptors_are_one_share(void **state) {
    struct fd_table table = {.limit = 400 + FD_TABLE_KEEP};
    struct refusal refusal;
    struct users users;
    struct user *user;
    struct kept kept = {0};

    (void)state;
    assert_int_equal(users_init(&users, 0, &table, 1), 0);
    user = user_ref(&users, 1000);
    for (int i = 0; i < 50; i++) {
        fd_table_take(&table, 1);
        assert_true(limit_may_connect(user));
        assert_int_equal(user_take(user, USER_CONNECTIONS, 1, &refusal), 0);
    }
    assert_int_equal(keep_all(&kept, user), 100 - 50 + LIMIT_CONNECTIONS);
    assert_int_equal(kept_take(&kept, user, NULL, 1, &refusal), -1);
    assert_non_null(strstr(refusal.text, "102 slots (50 connections, 52 descriptors, 0 being closed)"));
    fd_table_take(&table, 1);
    assert_false(limit_may_connect(user));
    user_give(user, USER_CONNECTIONS, 49);
    fd_table_give(&table, 49);
    assert_int_equal(keep_all(&kept, user), 48);
    assert_true(limit_may_connect(user)); /* the second */
    fd_table_take(&table, 400 - users.reserve - table.used);
    assert_true(limit_may_connect(user)); /* whatever others have taken since */
    fd_table_take(&table, 1);
    assert_false(limit_may_connect(user));
    fd_table_give(&table, table.used - 100);
    user_give(user, USER_CONNECTIONS, 1);
    kept_release(&kept);
    user_unref(user);
    users_deinit(&users, false);
}

/* What is in unread answers is not in the table. */
static void what_is_passed_takes_no_place(void **state) {
    struct fd_table table = {.limit = 400 + FD_TABLE_KEEP};
    struct refusal refusal;
    struct users users;
    struct user *user;

    (void)state;
    assert_int_equal(users_init(&users, 0, &table, 1), 0);
    user = user_ref(&users, 1000);
    assert_int_equal(user_take(user, USER_DESCRIPTORS, 30, &refusal), 0);
    user->passing = 30;
    assert_int_equal(limit_places(user), 0);
    fd_table_take(&table, 400 - users.reserve - 40);
    assert_true(limit_may_keep(user, 20, 20));
    assert_false(limit_may_keep(user, 21, 21));
    assert_true(limit_may_keep(user, 40, 0)); /* that have their places */
    assert_false(limit_may_keep(user, 41, 0));
    user->passing = 0;
    user_give(user, USER_DESCRIPTORS, 30);
    user_unref(user);
    users_deinit(&users, false);
}

/* Users that are there are told of it at their next take; what they have stays theirs. */
static void a_changed_limit_reaches_those_who_are_there(void **state) {
    struct users users;
    struct user *user;
    struct account account;
    struct refusal refusal;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    user = user_ref(&users, 1);
    account_init(&account, user, 7, "client");
    assert_int_equal(account_take(&account, USER_WAITS, 60, &refusal), 0);
    users.limits[USER_WAITS] = UINT64_C(4) * 50;
    users_renew_limits(&users);
    assert_int_equal(account_take(&account, USER_WAITS, 1, &refusal), -1);
    assert_int_equal(user_take(user, USER_WAITS, 1, &refusal), -1);
    assert_non_null(strstr(refusal.text, "has 60 of 50 "));
    assert_int_equal(account_room(&account, USER_WAITS), 0);
    account_give(&account, USER_WAITS, 20);
    assert_int_equal(user_take(user, USER_WAITS, 10, &refusal), 0);
    assert_int_equal(user_take(user, USER_WAITS, 1, &refusal), -1);
    users.limits[USER_WAITS] = UINT64_C(4) * 640; /* a session: all but ten */
    users_renew_limits(&users);
    assert_int_equal(account_take(&account, USER_WAITS, 590, &refusal), 0);
    user_give(user, USER_WAITS, 10);
    assert_int_equal(account_take(&account, USER_WAITS, 1, &refusal), -1);
    account_deinit(&account);
    user_unref(user);
    users_deinit(&users, false);
}

/* Of the requests that it might have made no more than a second's worth is left. */
static void a_changed_rate_reaches_those_who_are_there(void **state) {
    struct users users;
    struct user *user;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    user = user_ref(&users, 1);
    users.rate = 4 * 10;
    users_renew_limits(&users);
    assert_int_equal(limit_rate(user), 10);
    assert_int_equal(user_spend(user), 0);
    assert_int_equal(user->rate_tokens, 9);
    for (users.rate = 0; users.rate < 8; users.rate++) {
        users_renew_limits(&users);
        assert_int_equal(limit_rate(user), users.rate < 4 ? 1 : users.rate / 4);
    }
    users.rate = 0;
    users_renew_limits(&users);
    assert_int_equal(user_spend(user), 0);
    (void)user_spend(user);
    user_unref(user);
    users_deinit(&users, false);
}

/* Nothing comes back in less than the time of one request. A machine that stops for a second here is asked again. */
static void a_rate_that_is_used_up_says_how_long(void **state) {
    struct users users;
    struct user *user;
    int64_t delay = 0;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    user = user_ref(&users, 1);
    users.rate = 1;
    users_renew_limits(&users);
    for (int i = 0; i < 10 && !delay; i++) {
        user->rate_tokens = 0;
        user->rate_filled = os_now_us();
        delay = user_spend(user);
    }
    assert_int_equal(delay, 1000001);
    user->rate_filled -= 3000000; /* no more than what one second brings */
    assert_int_equal(user_spend(user), 0);
    assert_int_equal(user->rate_tokens, 0);
    user_unref(user);
    users_deinit(&users, false);
}

/* A second's places are there at once; from then on each is later than the one before. */
static void rounds_have_places(void **state) {
    enum { MORE = 50 };
    struct users users;
    struct user *user;
    int64_t delay = 0;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    user = user_ref(&users, 1);
    const int64_t begin = os_now_us();
    for (int i = 0; i < USER_ROUNDS + MORE; i++) {
        delay = user_take_round(user);
        assert_true(i >= USER_ROUNDS || delay == 0);
    }
    const int64_t passed = os_now_us() - begin, last = begin + INT64_C(1000000) * (MORE - 1) / USER_ROUNDS;
    assert_true(delay + passed >= last - begin && delay <= last - begin + passed);
    user_unref(user);
    users_deinit(&users, false);
}

/* What is only asked for is not taken. */
static void a_check_takes_nothing(void **state) {
    struct users users;
    struct user *user;
    struct account account;
    struct refusal refusal;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    user = user_ref(&users, 1);
    account_init(&account, user, 7, "client");
    uint64_t room = account_room(&account, USER_OBJECTS);
    assert_int_equal(account_check(&account, USER_OBJECTS, room, &refusal), 0);
    assert_int_equal(account_check(&account, USER_OBJECTS, room + 1, &refusal), -1);
    assert_int_equal(account.used[USER_OBJECTS], 0);
    assert_int_equal(user->used[USER_OBJECTS], 0);
    account_deinit(&account);
    user_unref(user);
    users_deinit(&users, false);
}

/* ---- journals ------------------------------------------------------------------------------------------------------ */

static void note(struct users *users, uint32_t uid, uint64_t id) {
    struct notice notice = {.event = JOURNAL_MADE, .uid = uid, .id = id};

    users_note(users, &notice);
    assert_true(notice.time_us > INT64_C(1600000000000000)); /* some day after 2020 */
}

static uint64_t kept(const struct journal *journal) { return journal->next - journal_oldest(journal); }

static void a_journal_of_ones_own_begins_with_what_the_other_has_kept(void **state) {
    struct refusal refusal;
    struct users users;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    assert_true(users.journal.first > UINT64_C(1600000000000000) && users.journal.first < UINT64_C(1) << 53);
    struct user *user = user_ref(&users, 7);
    for (uint64_t i = 0; i < 10; i++)
        note(&users, i % 2 ? 7 : 8, i);
    assert_null(user->journal);
    assert_int_equal(user_keep_journal(user, &refusal), 0);
    assert_int_equal(user_keep_journal(user, &refusal), 0);
    assert_int_equal(users.n_journals, 1);
    assert_int_equal(kept(user->journal), 5);
    note(&users, 7, 10);
    note(&users, 8, 11);
    assert_int_equal(kept(user->journal), 6);
    assert_int_equal(kept(&users.journal), 12);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(journal_at(user->journal, user->journal->first + i)->id, 2 * i + 1);
    assert_int_equal(journal_at(user->journal, user->journal->first + 5)->id, 10);
    user_unref(user);
    assert_int_equal(users.n_journals, 0);
    note(&users, 7, 12); /* nobody is there who has a journal */
    users_deinit(&users, false);
}

static void others_push_nothing_out_of_it(void **state) {
    struct refusal refusal;
    struct users users;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    struct user *user = user_ref(&users, 7);
    assert_int_equal(user_keep_journal(user, &refusal), 0);
    note(&users, 7, 1);
    for (uint64_t i = 0; i < 2 * USERS_JOURNAL; i++)
        note(&users, 8, i);
    assert_int_equal(kept(user->journal), 1);
    assert_int_equal(kept(&users.journal), USERS_JOURNAL);
    for (uint64_t i = 0; i < 2 * USER_JOURNAL; i++)
        note(&users, 7, i);
    assert_int_equal(kept(user->journal), USER_JOURNAL);
    user_unref(user);
    users_deinit(&users, false);
}

static void a_journal_is_charged_and_given_back(void **state) {
    struct refusal refusal;
    struct users users;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    struct user *user = user_ref(&users, 7);
    assert_int_equal(user_keep_journal(user, &refusal), 0);
    assert_true(user->used[USER_BYTES] >= USER_JOURNAL * sizeof(struct notice));
    user_unref(user); /* asserts that nothing is used */
    user = user_ref(&users, 7);
    assert_int_equal(user_take(user, USER_BYTES, limit_of(user, USER_BYTES), &refusal), 0);
    assert_int_equal(user_keep_journal(user, &refusal), -1);
    assert_int_equal(refusal.code, REFUSAL_LIMIT);
    assert_null(user->journal);
    assert_int_equal(users.n_journals, 0);
    user_give(user, USER_BYTES, limit_of(user, USER_BYTES));
    user_unref(user);
    users_deinit(&users, false);
}

/* Of what it had nothing is left but what its lane owes. */
static void who_owes_time_comes_back_as_a_new_one(void **state) {
    enum { UID = 7, OTHER = 8 };
    struct refusal refusal;
    struct users users;

    (void)state;
    assert_int_equal(users_init(&users, 0, &fd_table, 1), 0);
    struct user *owing = user_ref(&users, UID), *fresh = user_ref(&users, OTHER);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(user_keep_journal(owing, &refusal), 0);
        note(&users, UID, 1);
        assert_int_equal(kept(owing->journal), 1 + 2 * i); /* also what it has missed */
        assert_int_equal(user_spend(owing), 0);
        owing->connections = owing->n_gone = owing->n_keepers = owing->ready_list.round = 1;
        owing->arrive.gives = owing->retest.gives = true;
        owing->registry = (void *)&users;
        owing->lane.owes_until = INT64_MAX;
        user_unref(owing);
        assert_int_equal(users.n_owing, 1);
        assert_int_equal(users.n_journals, 0);
        note(&users, UID, 2); /* is told to nobody */
        assert_ptr_equal(user_ref(&users, UID), owing);
        assert_null(owing->journal);
        assert_int_equal(owing->requests, fresh->requests);
        assert_int_equal(owing->rate_tokens, fresh->rate_tokens);
        assert_int_equal(owing->connections + owing->n_gone + owing->n_keepers + owing->ready_list.round, 0);
        assert_false(owing->arrive.gives || owing->retest.gives);
        assert_null(owing->registry);
        assert_true(lane_owes(&owing->lane));
    }
    owing->lane.owes_until = 0;
    user_unref(owing);
    user_unref(fresh);
    users_deinit(&users, false);
}

TEST_MAIN(TEST_CASE(users_come_in_the_order_of_their_uids),
          TEST_CASE(who_owes_time_is_known_until_it_is_paid), TEST_CASE(requests_are_counted_for_each_uid),
          TEST_CASE(others_have_a_quarter), TEST_CASE(an_override_is_for_one_uid),
          TEST_CASE(of_the_table_each_leaves_something), TEST_CASE(connections_and_descriptors_are_one_share),
          TEST_CASE(what_is_passed_takes_no_place), TEST_CASE(a_rate_that_is_used_up_says_how_long),
          TEST_CASE(rounds_have_places), TEST_CASE(a_check_takes_nothing),
          TEST_CASE(a_changed_limit_reaches_those_who_are_there),
          TEST_CASE(a_changed_rate_reaches_those_who_are_there),
          TEST_CASE(a_journal_of_ones_own_begins_with_what_the_other_has_kept),
          TEST_CASE(others_push_nothing_out_of_it), TEST_CASE(a_journal_is_charged_and_given_back),
          TEST_CASE(who_owes_time_comes_back_as_a_new_one))
