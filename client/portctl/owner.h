/* owner.h: the process whose session portctl joins. */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>
#include <stdint.h>

enum owner_rule {
    OWNER_OPTION,         /* --owner */
    OWNER_ENVIRONMENT,    /* PORTD_SESSION names the session itself */
    OWNER_GROUP_LEADER,   /* leader of portctl's process group, and an ancestor of portctl */
    OWNER_SESSION_LEADER, /* leader of portctl's terminal session */
    OWNER_PARENT,
    OWNER_NOBODY /* none of them can be seen */
};

struct owner {
    uint32_t pid; /* 0: none, or not known */
    enum owner_rule rule;
};

/* By the last four rules, the first that fits. */
struct owner owner_find(void);

/* The process that --owner names: "4711", "pid:4711", "parent" or "session-leader". False: none is named so, or it cannot be
 * an owner because it is portctl itself or cannot be seen. */
bool owner_parse(const char *text, uint32_t *pid);

#endif
