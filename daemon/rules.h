/* rules.h: the rules of a configuration, for access. */
#ifndef RULES_H
#define RULES_H

struct config;
struct rule_table;

/* One reference into *table; NULL: there are no rules. 0 or -ENOMEM. */
int rules_make(const struct config *config, struct rule_table **table);

#endif
