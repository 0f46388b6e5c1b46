/* rights.h: what the rules grant to one identity: a snapshot, made when it is first asked for and again when another table is in use.
 *
 * A decision looks at no rules but those for the identity. */
#ifndef RIGHTS_H
#define RIGHTS_H

#include "proto/os.h"
#include "right.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer;
struct rule;
struct rule_table;

/* Zeros: of no table, which grants nothing. */
struct rights {
    struct rule_table *table; /* a reference */
    uint16_t *rules;          /* those for the identity: places in the table */
    size_t n;
    bool admin;
};

/* How many rules of the table are for the identity. */
size_t rights_count(const struct rule_table *table, const struct peer *peer);

/* Makes it of that table (NULL: none). 0, or -ENOMEM: it is empty then. */
int rights_init(struct rights *rights, struct rule_table *table, const struct peer *peer);
void rights_deinit(struct rights *rights); /* zeros it */

/* The first rule that grants the right to the name of that owner (rule_grants); NULL: none does. */
const struct rule *rights_find(const struct rights *rights, os_uid owner, const char *name, enum right right,
                               size_t *looks);

#endif
