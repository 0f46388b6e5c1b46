/* test_rights.c: what rules grant to identities that are made up, and which rules a snapshot has. */
#include "tests/support/test.h"

#include "daemon/access/policy.h"
#include "daemon/access/rights.h"
#include "daemon/access/rule.h"

enum { OWNER = 1000, READER = 1001, MEMBER = 1002, STRANGER = 1003, GROUP = 50, OTHER_GROUP = 51 };

static struct rule_table *table;
static size_t looks;

static char *copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *made = malloc(size);
    assert_non_null(made);
    return memcpy(made, text, size);
}

/* A rule for one uid (0: none) or one gid (0: none), to one glob. */
static void fill(struct rule *rule, const char *name, const char *glob, os_uid uid, uint32_t gid,
                 unsigned rights) {
    *rule = (struct rule){.name = copy(name), .owner = OWNER, .rights = rights};
    if (glob) {
        rule->globs = calloc(1, sizeof *rule->globs);
        assert_non_null(rule->globs);
        rule->globs[rule->n_globs++] = copy(glob);
    }
    if (uid) {
        rule->users = calloc(3, sizeof *rule->users);
        assert_non_null(rule->users);
        rule->users[rule->n_users++] = uid;
        rule->users[rule->n_users++] = 7;
        rule->users[rule->n_users++] =
            PEER_UID_NOBODY; /* the configuration refuses it, and so does the rule */
    }
    if (gid) {
        rule->groups = calloc(2, sizeof *rule->groups);
        assert_non_null(rule->groups);
        rule->groups[rule->n_groups++] = gid;
        rule->groups[rule->n_groups++] = 8;
    }
    rule_sort(rule);
}

static int make(void **state) {
    if (test_before(state))
        return -1;
    table = rule_table_new(4);
    if (!table)
        return -1;
    fill(&table->rules[0], "reader", "web/*", READER, 0, 1u << RIGHT_LIST | 1u << RIGHT_READ);
    fill(&table->rules[1], "group", "web/a", 0, GROUP, 1u << RIGHT_WATCH);
    fill(&table->rules[2], "other", "db", STRANGER, OTHER_GROUP, 1u << RIGHT_GET | 1u << RIGHT_DROP);
    fill(&table->rules[3], "admin", NULL, MEMBER, 0, 1u << RIGHT_ADMIN);
    looks = 0;
    return 0;
}

static int unmake(void **state) {
    rule_table_unref(table);
    return test_after(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, unmake)

static const struct rule *find(const struct peer *peer, os_uid owner, const char *name, enum right right) {
    struct rights rights;
    assert_int_equal(rights_init(&rights, table, peer), 0);
    const struct rule *rule = rights_find(&rights, owner, name, right, &looks);
    rights_deinit(&rights);
    assert_null(rights.table);
    return rule;
}

static void a_rule_grants_its_rights_to_its_names_and_no_others(void **state) {
    const struct peer reader = {.uid = READER, .gid = 9};
    (void)state;
    assert_ptr_equal(find(&reader, OWNER, "web/a", RIGHT_READ), &table->rules[0]);
    assert_ptr_equal(find(&reader, OWNER, "web/b/c", RIGHT_LIST), &table->rules[0]);
    assert_null(find(&reader, OWNER, "web/a", RIGHT_WRITE));
    assert_null(find(&reader, OWNER, "web/a", RIGHT_WATCH)); /* the group's */
    assert_null(find(&reader, OWNER, "web", RIGHT_READ));
    assert_null(find(&reader, OWNER + 1, "web/a", RIGHT_READ));
    assert_null(find(&reader, READER, "web/a", RIGHT_READ)); /* what he has as an owner is no rule's */
    assert_null(find(&reader, OWNER, "web/a", RIGHT_ADMIN));
    assert_ptr_equal(find(&reader, OWNER, NULL, RIGHT_LIST), &table->rules[0]); /* to some name */
    assert_null(find(&reader, OWNER, NULL, RIGHT_GET));
}

static void a_group_counts_as_primary_and_as_supplementary_one(void **state) {
    struct peer peer = {.uid = STRANGER + 1, .gid = GROUP};
    (void)state;
    assert_ptr_equal(find(&peer, OWNER, "web/a", RIGHT_WATCH), &table->rules[1]);
    peer.gid = 9;
    assert_null(find(&peer, OWNER, "web/a", RIGHT_WATCH));
    peer.n_groups = 3;
    peer.groups[0] = 10;
    peer.groups[1] = 11;
    peer.groups[2] = GROUP;
    assert_ptr_equal(find(&peer, OWNER, "web/a", RIGHT_WATCH), &table->rules[1]);
    peer.n_groups = 2; /* those after it are none of his */
    assert_null(find(&peer, OWNER, "web/a", RIGHT_WATCH));
}

static void who_has_no_identity_has_no_rights(void **state) {
    struct peer peer = {.uid = PEER_UID_NOBODY, .gid = GROUP};
    (void)state;
    assert_null(find(&peer, OWNER, "web/a", RIGHT_READ));
    assert_null(find(&peer, OWNER, "web/a", RIGHT_WATCH));
    assert_int_equal(rights_count(table, &peer), 0);
}

static void admin_is_for_whom_it_names(void **state) {
    const struct peer member = {.uid = MEMBER, .gid = 9}, reader = {.uid = READER, .gid = 9};
    struct rights rights;
    struct policy policy;
    (void)state;
    assert_int_equal(rights_init(&rights, table, &member), 0);
    assert_true(rights.admin);
    assert_null(rights_find(&rights, OWNER, "web/a", RIGHT_LIST, &looks)); /* it is over the broker */
    rights_deinit(&rights);
    assert_int_equal(rights_init(&rights, table, &reader), 0);
    assert_false(rights.admin);
    rights_deinit(&rights);
    policy_init(&policy, OWNER, false);
    assert_true(policy_is_admin(&policy, 0) && policy_is_admin(&policy, OWNER));
    assert_false(policy_is_admin(&policy, MEMBER));
    policy_deinit(&policy);
}

static void a_decision_looks_at_the_rules_of_its_identity_alone(void **state) {
    const struct peer reader = {.uid = READER, .gid = 9}, nobody = {.uid = 77, .gid = 9};
    (void)state;
    assert_null(find(&reader, OWNER, "db", RIGHT_READ));
    assert_int_equal(looks, 1);
    assert_null(find(&nobody, OWNER, "db", RIGHT_GET));
    assert_int_equal(looks, 1);
    /* Whom else a rule would let: all of them. */
    assert_ptr_equal(rule_table_find(table, OWNER, "db", RIGHT_DROP, &looks), &table->rules[2]);
    assert_null(rule_table_find(table, OWNER, "db", RIGHT_PUT, &looks));
    assert_ptr_equal(rule_table_find(table, 0, NULL, RIGHT_ADMIN, &looks), &table->rules[3]);
    assert_null(rule_table_find(NULL, OWNER, "db", RIGHT_DROP, &looks));
}

static void a_snapshot_keeps_the_table_that_it_is_of(void **state) {
    const struct peer reader = {.uid = READER, .gid = 9};
    struct rights rights;
    (void)state;
    assert_int_equal(rights_init(&rights, table, &reader), 0);
    assert_int_equal(rights.n, 1);
    assert_int_equal(table->refs, 2);
    rule_table_unref(table); /* a reload */
    assert_ptr_equal(rights_find(&rights, OWNER, "web/a", RIGHT_READ, &looks), &table->rules[0]);
    table = rule_table_new(0);
    assert_non_null(table);
    rights_deinit(&rights);
    assert_int_equal(rights_init(&rights, NULL, &reader), 0);
    assert_null(rights_find(&rights, OWNER, "web/a", RIGHT_READ, &looks));
    rights_deinit(&rights);
}

static void rights_have_names(void **state) {
    (void)state;
    for (int right = 0; right < RIGHTS; right++)
        assert_int_equal(right_find(right_name((enum right)right)), right);
    assert_int_equal(right_find("lists"), RIGHTS);
    assert_int_equal(right_find(""), RIGHTS);
}

TEST_MAIN(CASE(a_rule_grants_its_rights_to_its_names_and_no_others),
          CASE(a_group_counts_as_primary_and_as_supplementary_one), CASE(who_has_no_identity_has_no_rights),
          CASE(admin_is_for_whom_it_names), CASE(a_decision_looks_at_the_rules_of_its_identity_alone),
          CASE(a_snapshot_keeps_the_table_that_it_is_of), CASE(rights_have_names))
