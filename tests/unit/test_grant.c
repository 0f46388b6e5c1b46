/* test_grant.c: rules in files: what they come to, and what is refused. */
#include "tests/support/test.h"

#include "daemon/access/glob.h"
#include "daemon/access/right.h"
#include "daemon/access/rule.h"
#include "daemon/config/config.h"
#include "daemon/config/grant.h"
#include "daemon/config/remark.h"
#include "daemon/rules.h"

#include <grp.h>
#include <sys/stat.h>

static char path[64], dropins[80], dropin[96];
static struct config *config;
static struct remarks faults;
static char text[256 * 1024];

static void write_file(const char *name, const char *what) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t size = strlen(what);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, what, size), (ssize_t)size);
    assert_int_equal(close(fd), 0);
}

static int load(const char *what) {
    const struct config_given given = {.file = path};
    config_free(config);
    remarks_clear(&faults);
    write_file(path, what);
    return config_load(&given, &config, &faults);
}

static int make(void **state) {
    static unsigned n;
    (void)snprintf(path, sizeof path, "/tmp/portd-grant-%d-%u.conf", (int)getpid(), n++);
    (void)snprintf(dropins, sizeof dropins, "%s.d", path);
    (void)snprintf(dropin, sizeof dropin, "%s/1.conf", dropins);
    return test_before(state);
}

static int unmake(void **state) {
    config_free(config);
    config = NULL;
    remarks_clear(&faults);
    (void)unlink(dropin);
    (void)rmdir(dropins);
    return unlink(path) ? -1 : test_after(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, unmake)

/* The first fault, without the path. */
static const char *told(void) {
    assert_int_equal(strncmp(faults.texts[0], path, strlen(path)), 0);
    return faults.texts[0] + strlen(path) + 1;
}

static void a_rule_is_read(void **state) {
    struct rule_table *table;
    (void)state;
    assert_int_equal(load("rule \"web\" {\n owner = 1000\n names = { \"web/*\",\n  'a\\b', plain }\n"
                          " users = { 1002, root, \"1001\" }\n groups = 50\n"
                          " rights = { list, \"watch\", drop }\n}\n"
                          "rule ops { groups = { 4, 0 } rights = admin }\n"),
                     0);
    assert_int_equal(rules_make(config, &table), 0);
    assert_int_equal(table->n, 2);
    const struct rule *rule = &table->rules[0];
    assert_string_equal(rule->name, "web");
    assert_int_equal(rule->owner, 1000);
    assert_int_equal(rule->n_globs, 3);
    assert_string_equal(rule->globs[0], "web/*");
    assert_string_equal(rule->globs[1], "a\\b");
    assert_string_equal(rule->globs[2], "plain");
    assert_int_equal(rule->n_users, 3);
    assert_int_equal(rule->users[0], 0);
    assert_int_equal(rule->users[1], 1001);
    assert_int_equal(rule->users[2], 1002);
    assert_int_equal(rule->n_groups, 1);
    assert_int_equal(rule->groups[0], 50);
    assert_int_equal(rule->rights, 1u << RIGHT_LIST | 1u << RIGHT_WATCH | 1u << RIGHT_DROP);
    rule = &table->rules[1];
    assert_int_equal(rule->rights, 1u << RIGHT_ADMIN);
    assert_int_equal(rule->n_globs, 0);
    assert_int_equal(rule->n_users, 0);
    assert_int_equal(rule->groups[0], 0);
    assert_int_equal(rule->groups[1], 4);
    rule_table_unref(table);
    assert_int_equal(load("log-level = info"), 0);
    assert_int_equal(rules_make(config, &table), 0);
    assert_null(table);
}

static void groups_are_found_by_name(void **state) {
    const struct group *group = getgrgid(0);
    char line[256];
    (void)state;
    if (!group)
        skip();
    (void)snprintf(line, sizeof line, "rule x { groups = \"%s\" rights = admin }", group->gr_name);
    assert_int_equal(load(line), 0);
    assert_int_equal(config->rules[0].groups[0], 0);
}

static void what_is_wrong_with_a_rule_is_told(void **state) {
#define RULE(lines) "rule x {\n" lines "\n}"
#define REST "owner = 1000 users = 1001 rights = list"
    static const struct {
        const char *text, *told;
    } bad[] = {
        {RULE(REST), "2: rule \"x\": to which names? It needs some, as in: names = { \"web/*\" }"},
        {RULE("names = a users = 1001 rights = list"),
         "2: rule \"x\": whose names? It needs an owner, as in: owner = \"www-data\""},
        {RULE("owner = 1000 names = a rights = list"),
         "2: rule \"x\": it is for nobody; it needs users or groups, as in: users = { \"1000\" }"},
        {RULE("owner = 1000 names = a users = 1001"),
         "2: rule \"x\": it grants nothing; it needs rights, as in: rights = { \"list\", \"watch\" }"},
        {RULE("\nusers = {} groups = 4 rights = admin"),
         "4: \"users\" in the rule that ends here is an empty list"},
        {RULE(REST " names = { }"), "3: \"names\" in the rule that ends here is an empty list"},
        {RULE(REST " names = a\nnames = { b, c }"), "3: \"names\" is set in line 2 already"},
        {RULE(REST " names = a\nowner = 5"), "3: \"owner\" is set in line 2 already"},
        {RULE(REST " names = { a,\n b,\n a }"), "4: \"a\" is in this list twice"},
        {RULE(REST " names = \"\""), "2: a name has 1 to 255 bytes, with its stars, not 0"},
        {RULE("owner = 1000 names = a users = { root,\n0 } rights = list"),
         "3: \"root\" and \"0\" in this list are the same one"},
        {RULE("owner = 1000 names = a groups = { 4,\n04 } rights = list"),
         "3: \"4\" and \"04\" in this list are the same one"},
        {RULE("owner = 1000 names = a users = 1 rights = { list, watch, list }"),
         "2: \"list\" is in this list twice"},
        {RULE("owner = 1000 names = a users = 1 rights = { list,\n wach }"),
         "3: unknown right \"wach\"; did you mean \"watch\"?"},
        {RULE("owner = 1000 names = a users = 1 rights = all"),
         "2: unknown right \"all\": expected list, watch, read, write, get, put, drop or admin"},
        {RULE("users = 1 rights = { admin, list }"),
         "2: rule \"x\": admin stands alone: put the other rights into another rule"},
        {RULE("owner = 1000 users = 1 rights = admin"),
         "2: rule \"x\": admin is a right over the broker: it has neither owner nor names"},
        {RULE("names = a users = 1 rights = admin"),
         "2: rule \"x\": admin is a right over the broker: it has neither owner nor names"},
        {RULE("owner = 65534 names = a users = 1 rights = list"),
         "2: user \"65534\" has no uid that identifies a user"},
        {RULE("owner = 1000 names = a users = 65534 rights = list"),
         "2: user \"65534\" has no uid that identifies a user"},
        {RULE("owner = 1000 names = a groups = 65534 rights = list"),
         "2: group \"65534\" has no gid that identifies a group"},
        {RULE("owner = 1000 names = a groups = 4294967295 rights = list"),
         "2: group \"4294967295\" has no gid that identifies a group"},
        {RULE("owner = 1000 names = a groups = 18446744073709551616 rights = list"),
         "2: group \"18446744073709551616\" has no gid that identifies a group"},
        {RULE("owner = 1000 names = a\nusers = nobody-has-this-name rights = list"),
         "3: there is no user \"nobody-has-this-name\" on this system"},
        {RULE("owner = nobody-has-this-name names = a users = 1 rights = list"),
         "2: there is no user \"nobody-has-this-name\" on this system"},
        {RULE("owner = 1000 names = a groups = no-group-has-this-name rights = list"),
         "2: there is no group \"no-group-has-this-name\" on this system"},
        {RULE("owner = { 1000 }"), "2: unexpected \"{\""},
        {RULE("right = list"), "2: unknown key \"right\" in the section \"rule\"; did you mean \"rights\"?"},
        {RULE("sessions = 4"), "2: unknown key \"sessions\" in the section \"rule\"; it stands in the "
                               "section \"quota\" or \"user\""},
        {RULE("names = { web* }"), "2: \"*\" can only stand in quotes"},
        {RULE(REST " names = a") "\n" RULE(REST " names = b"),
         "4: there is a section with the name \"x\" above: put all of its keys there"},
        {"rule \"\" { users = 1 rights = admin }", "1: the name of a rule has 1 to 64 bytes"},
        {"rule { rights = admin }",
         "1: the section \"rule\" needs a name in quotes, as in: user \"1000\" { ... }"},
        {"owner = 5", "1: unknown key \"owner\"; it stands in the section \"rule\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (load(bad[i].text) != CONFIG_E_FAULTS)
            fail_msg("%s is taken", bad[i].text);
        if (strcmp(told(), bad[i].told) != 0)
            fail_msg("%s:\n%s\nbut expected\n%s", bad[i].text, told(), bad[i].told);
    }
}

static void a_name_is_one_rules_in_all_files(void **state) {
    char expected[256];
    (void)state;
    assert_int_equal(mkdir(dropins, 0755), 0);
    write_file(dropin, "\nrule x { users = 2\nrights = admin }");
    assert_int_equal(load("rule x { users = 1\nrights = admin }"), CONFIG_E_FAULTS);
    (void)snprintf(expected, sizeof expected,
                   "%s:2: there is a rule \"x\" in %s, line 1: choose another name", dropin, path);
    assert_string_equal(faults.texts[0], expected);
    write_file(dropin, "rule y { users = 2\nrights = admin }");
    assert_int_equal(load("rule x { users = 1\nrights = admin }"), 0);
    assert_int_equal(config->n_rules, 2);
}

/* Up to the limit, and one beyond it. */
static void lists_and_rules_have_an_end(void **state) {
    size_t at;
    (void)state;
    for (int more = 0; more <= 1; more++) {
        at = (size_t)snprintf(text, sizeof text, "rule x { rights = admin users = { 1");
        for (int i = 1; i < GRANT_WORDS_MOST + more; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, ",\n%d", i + 1);
        (void)snprintf(text + at, sizeof text - at, "} }");
        assert_int_equal(load(text), more ? CONFIG_E_FAULTS : 0);
    }
    assert_string_equal(told(), "257: rule \"x\": a list has at most 256 entries; write another rule");
    for (int more = 0; more <= 1; more++) {
        at = 0;
        for (int i = 0; i < RULES_MOST + more; i++)
            at += (size_t)snprintf(text + at, sizeof text - at, "rule x%d { rights = admin users = 1 }\n", i);
        assert_int_equal(load(text), more ? CONFIG_E_FAULTS : 0);
    }
    assert_string_equal(told(), "1025: there are more than 1024 rules");
}

/* A decision compares so many at most. */
static void an_owner_has_no_more_globs(void **state) {
    (void)state;
    for (int more = 0; more <= 1; more++) {
        size_t at = 0;
        for (int i = 0; i < RULES_GLOBS_MOST + more; i++)
            at +=
                (size_t)snprintf(text + at, sizeof text - at,
                                 "rule x%d { owner = 1000 names = 'a%d*' rights = list users = 1 }\n", i, i);
        (void)snprintf(text + at, sizeof text - at,
                       "rule other { owner = 1001 names = a rights = list users = 1 }\n");
        assert_int_equal(load(text), more ? CONFIG_E_FAULTS : 0);
    }
    assert_int_equal(faults.n, 1);
    assert_string_equal(
        told(), "257: rule \"x256\": all rules for this owner have more than 256 names together: use stars");
}

TEST_MAIN(CASE(a_rule_is_read), CASE(groups_are_found_by_name), CASE(what_is_wrong_with_a_rule_is_told),
          CASE(a_name_is_one_rules_in_all_files), CASE(lists_and_rules_have_an_end),
          CASE(an_owner_has_no_more_globs))
