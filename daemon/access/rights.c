/* rights.c: the rules of one identity. */
#include "rights.h"

#include "rule.h"

#include <errno.h>
#include <stdlib.h>

size_t rights_count(const struct rule_table *table, const struct peer *peer) {
    size_t n = 0;
    for (size_t i = 0; table && i < table->n; i++)
        n += rule_is_for(&table->rules[i], peer);
    return n;
}

int rights_init(struct rights *rights, struct rule_table *table, const struct peer *peer) {
    size_t n = rights_count(table, peer);
    *rights = (struct rights){.table = NULL};
    if (n) {
        rights->rules = malloc(n * sizeof *rights->rules);
        if (!rights->rules)
            return -ENOMEM;
    }
    for (size_t i = 0; rights->n < n; i++) {
        if (!rule_is_for(&table->rules[i], peer))
            continue;
        rights->rules[rights->n++] = (uint16_t)i;
        rights->admin |= table->rules[i].rights >> RIGHT_ADMIN & 1;
    }
    rights->table = rule_table_ref(table);
    return 0;
}

void rights_deinit(struct rights *rights) {
    rule_table_unref(rights->table);
    free(rights->rules);
    *rights = (struct rights){.table = NULL};
}

const struct rule *rights_find(const struct rights *rights, os_uid owner, const char *name, enum right right,
                               size_t *looks) {
    for (size_t i = 0; i < rights->n; i++) {
        const struct rule *rule = &rights->table->rules[rights->rules[i]];
        if (rule_grants(rule, owner, name, right, looks))
            return rule;
    }
    return NULL;
}
