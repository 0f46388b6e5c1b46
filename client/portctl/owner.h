/* owner.h: the processes whose session portctl joins, and to which numbers refer. */
#ifndef OWNER_H
#define OWNER_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OWNER_ANCESTORS_MAX = 256 };

enum owner_rule {
    OWNER_OPTION,         /* --owner, or --ttl without an owner */
    OWNER_ENVIRONMENT,    /* PORTD_SESSION names the session */
    OWNER_HOLDER,         /* the outermost is an ancestor that has the same open file under the number */
    OWNER_READER,         /* the outermost is the ancestor that reads portctl's standard output */
    OWNER_SESSION_LEADER, /* the leader of portctl's terminal session */
    OWNER_ANCESTOR,       /* an ancestor, up to the reader, has a session; for calls that make nothing */
    OWNER_NOBODY          /* none: portctl has a session of its own */
};

struct owner {
    enum owner_rule rule;
    uint32_t pids[PORTD_OWNERS_MAX]; /* the outermost first, but for owner_find_around */
    size_t n;
    uint32_t holder; /* the outermost holder of the number; 0: none */
};

/* Finds the owners by the last four rules. number: the descriptor number in the call; below 0: none. */
void owner_find(int64_t number, struct owner *owner);

/* For a call that makes nothing itself: the processes whose session it could join, the innermost first. */
void owner_find_around(struct owner *owner);

/* Adds only the outermost holder of a number. */
void owner_find_holder(int64_t number, struct owner *owner);

/* The ancestors of portctl that belong to its user, the innermost first. Returns how many. */
size_t owner_ancestors(uint32_t pids[OWNER_ANCESTORS_MAX]);

/* Parses a value of --owner: "4711", "pid:4711", "parent" or "session-leader". False: it is none of these, or the process
 * cannot be an owner: it is portctl itself or not visible. */
bool owner_parse(const char *text, uint32_t *pid);

#endif
