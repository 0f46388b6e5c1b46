/* rule.c: one rule, and the table of them. */
#include "rule.h"

#include "glob.h"
#include "proto/peer.h"

#include <stdlib.h>

struct rule_table *rule_table_new(size_t n) {
    struct rule_table *table = calloc(1, sizeof *table + n * sizeof table->rules[0]);
    if (table)
        *table = (struct rule_table){.refs = 1, .n = n};
    return table;
}

static void rule_free(struct rule *rule) {
    for (size_t i = 0; i < rule->n_globs; i++)
        free(rule->globs[i]);
    free(rule->globs);
    free(rule->users);
    free(rule->groups);
    free(rule->name);
}

void rule_table_unref(struct rule_table *table) {
    if (!table || --table->refs)
        return;
    for (size_t i = 0; i < table->n; i++)
        rule_free(&table->rules[i]);
    free(table);
}

static int compare_users(const void *a, const void *b) {
    os_uid one = *(const os_uid *)a, other = *(const os_uid *)b;
    return (one > other) - (one < other);
}

static int compare_groups(const void *a, const void *b) {
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

void rule_sort(struct rule *rule) {
    if (rule->n_users)
        qsort(rule->users, rule->n_users, sizeof *rule->users, compare_users);
    if (rule->n_groups)
        qsort(rule->groups, rule->n_groups, sizeof *rule->groups, compare_groups);
}

static bool has_user(const struct rule *rule, os_uid uid) {
    return rule->n_users && bsearch(&uid, rule->users, rule->n_users, sizeof uid, compare_users);
}

static bool has_group(const struct rule *rule, uint32_t gid) {
    return rule->n_groups && bsearch(&gid, rule->groups, rule->n_groups, sizeof gid, compare_groups);
}

bool rule_is_for(const struct rule *rule, const struct peer *peer) {
    if (peer->uid == PEER_UID_NOBODY)
        return false;
    if (has_user(rule, peer->uid) || has_group(rule, peer->gid))
        return true;
    for (size_t i = 0; i < peer->n_groups; i++)
        if (has_group(rule, peer->groups[i]))
            return true;
    return false;
}

bool rule_grants(const struct rule *rule, os_uid owner, const char *name, enum right right, size_t *looks) {
    if (!(rule->rights & 1u << right))
        return false;
    if (right == RIGHT_ADMIN)
        return true;
    if (rule->owner != owner)
        return false;
    if (!name)
        return true;
    for (size_t i = 0; i < rule->n_globs; i++) {
        ++*looks;
        if (glob_matches(rule->globs[i], name))
            return true;
    }
    return false;
}

const struct rule *rule_table_find(const struct rule_table *table, os_uid owner, const char *name,
                                   enum right right, size_t *looks) {
    for (size_t i = 0; table && i < table->n; i++)
        if (rule_grants(&table->rules[i], owner, name, right, looks))
            return &table->rules[i];
    return NULL;
}

const struct rule *rule_table_find_for(const struct rule_table *table, const struct peer *peer, os_uid owner,
                                       const char *name, enum right right, size_t *looks) {
    for (size_t i = 0; table && i < table->n; i++)
        if (rule_grants(&table->rules[i], owner, name, right, looks) && rule_is_for(&table->rules[i], peer))
            return &table->rules[i];
    return NULL;
}
