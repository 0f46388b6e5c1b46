/* rules.c: from the configuration's rules to those of access. */
#include "rules.h"

#include "access/rule.h"
#include "base/text.h"
#include "config/config.h"
#include "config/grant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* NULL also if there are none. */
static void *copy_array(const void *array, size_t n, size_t size) {
    void *made = n ? malloc(n * size) : NULL;
    return made ? memcpy(made, array, n * size) : NULL;
}

static int copy_globs(struct rule *rule, const struct config_list *names) {
    rule->globs = names->n ? calloc(names->n, sizeof *rule->globs) : NULL;
    if (names->n && !rule->globs)
        return -ENOMEM;
    for (; rule->n_globs < names->n; rule->n_globs++) {
        rule->globs[rule->n_globs] = text_copy(names->words[rule->n_globs].text);
        if (!rule->globs[rule->n_globs])
            return -ENOMEM;
    }
    return 0;
}

static int make(struct rule *rule, struct config_rule *from) {
    size_t n_users = grant_list(from, CONFIG_RULE_USERS)->n,
           n_groups = grant_list(from, CONFIG_RULE_GROUPS)->n;
    *rule = (struct rule){.owner = from->owner, .rights = from->rights};
    rule->name = text_copy(from->name);
    rule->users = copy_array(from->users, n_users, sizeof *rule->users);
    rule->groups = copy_array(from->groups, n_groups, sizeof *rule->groups);
    if (!rule->name || (n_users && !rule->users) || (n_groups && !rule->groups))
        return -ENOMEM;
    rule->n_users = n_users;
    rule->n_groups = n_groups;
    rule_sort(rule);
    return copy_globs(rule, grant_list(from, CONFIG_RULE_NAMES));
}

int rules_make(const struct config *config, struct rule_table **made) {
    struct rule_table *table = config->n_rules ? rule_table_new(config->n_rules) : NULL;
    if (config->n_rules && !table)
        return -ENOMEM;
    for (size_t i = 0; i < config->n_rules; i++) {
        if (make(&table->rules[i], &config->rules[i])) {
            rule_table_unref(table);
            return -ENOMEM;
        }
    }
    *made = table;
    return 0;
}
