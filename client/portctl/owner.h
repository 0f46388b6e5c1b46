/* owner.h: the processes whose session portctl joins, and whose numbers it means. */
#ifndef OWNER_H
#define OWNER_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OWNER_ANCESTORS_MAX = 256 };

enum owner_rule {
    OWNER_OPTION,         /* --owner, or --ttl where there is no owner */
    OWNER_ENVIRONMENT,    /* PORTD_SESSION names the session itself */
    OWNER_HOLDER,         /* the outermost is an ancestor that has the same open file under the number */
    OWNER_READER,         /* the outermost is the ancestor that reads portctl's standard output */
    OWNER_SESSION_LEADER, /* leader of portctl's terminal session */
    OWNER_ANCESTOR,       /* an ancestor, up to the reader, has one; for calls that make nothing */
    OWNER_NOBODY          /* none of them: portctl's session is its own */
};

struct owner {
    enum owner_rule rule;
    uint32_t pids[PORTD_OWNERS_MAX]; /* the outermost first */
    size_t n;
    uint32_t holder; /* the outermost holder of the number; 0: there is none */
};

/* By the last four rules. number: of the call, below 0: it has none. */
void owner_find(int64_t number, struct owner *owner);

/* For a call that makes nothing: whose session it could be in, the innermost first. */
void owner_find_around(struct owner *owner);

/* Adds the outermost holder of a number alone. */
void owner_find_holder(int64_t number, struct owner *owner);

/* Ancestors of portctl of its user, the innermost first. Returns how many. */
size_t owner_ancestors(uint32_t pids[OWNER_ANCESTORS_MAX]);

/* The process that --owner names: "4711", "pid:4711", "parent" or "session-leader". False: none is named so, or it cannot be
 * an owner because it is portctl itself or cannot be seen. */
bool owner_parse(const char *text, uint32_t *pid);

#endif
