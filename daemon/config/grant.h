/* grant.h: the sections "rule", while files are read and after that. What they come to is in daemon/access/rule.h. */
#ifndef GRANT_H
#define GRANT_H

#include "config.h"

struct remarks;

enum { GRANT_WORDS_MOST = 256 /* in one list */ };

/* Adds a rule of that name. 0 or -ENOMEM. */
int grant_begin(struct config *config, const char *name, unsigned file, unsigned line);

/* Adds a word to a list of the newest rule. 0 or -ENOMEM. */
int grant_add(struct config *config, enum config_key key, const char *word, unsigned line);

/* Once all files are read: checks the rules, and finds uids, gids and rights. 0 or -ENOMEM. */
int grants_finish(struct config *config, struct remarks *faults);

static inline struct config_list *grant_list(struct config_rule *rule, enum config_key key) {
    return &rule->lists[key - CONFIG_RULE];
}

void grants_free(struct config *config);

#endif
