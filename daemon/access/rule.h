/* rule.h: what the configuration grants to uids and groups: rights to names of an owner, and the right admin.
 *
 * Rules only grant. A table does not change once it is in use: a reload makes another one. */
#ifndef RULE_H
#define RULE_H

#include "proto/os.h"
#include "right.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer;

enum {
    RULES_MOST = 1024,
    RULE_NAME_MAX = 64,
    RULES_GLOBS_MOST = 256, /* of all rules for one owner: so many are compared with a name at most */
    RULE_LOOKS = 4,         /* so many comparisons are a unit of a turn, */
    RULES_A_UNIT = 8        /* and so many rules that are not for the owner or not for the peer */
};

struct rule {
    char *name;
    os_uid owner;    /* whose names; not of admin */
    unsigned rights; /* bits: 1 << enum right */
    char **globs;    /* of the names */
    size_t n_globs;
    os_uid *users; /* to whom: sorted, */
    size_t n_users;
    uint32_t *groups; /* and these, too */
    size_t n_groups;
};

struct rule_table {
    unsigned refs;
    size_t n;
    struct rule rules[]; /* in the order of the files */
};

/* A table of n rules to be filled, each zeroed, with one reference. NULL without memory. */
struct rule_table *rule_table_new(size_t n);

static inline struct rule_table *rule_table_ref(struct rule_table *table) {
    if (table)
        table->refs++;
    return table;
}

/* The last one frees it, and all that is in it. NULL is allowed. */
void rule_table_unref(struct rule_table *table);

/* Sorts users and groups of a filled rule. */
void rule_sort(struct rule *rule);

/* Whether it is for that peer: by uid, by gid, or by a supplementary group. */
bool rule_is_for(const struct rule *rule, const struct peer *peer);

/* Whether it grants the right to that name of the owner, to those that it is for; of admin owner and name do not count; name NULL: to
 * some names. Adds to *looks how many globs
 * were compared. */
bool rule_grants(const struct rule *rule, os_uid owner, const char *name, enum right right, size_t *looks);

/* The first rule that does, whoever it is for. NULL: none does. table may be NULL. */
const struct rule *rule_table_find(const struct rule_table *table, os_uid owner, const char *name,
                                   enum right right, size_t *looks);

/* The same, of the rules for that peer. */
const struct rule *rule_table_find_for(const struct rule_table *table, const struct peer *peer, os_uid owner,
                                       const char *name, enum right right, size_t *looks);

#endif
