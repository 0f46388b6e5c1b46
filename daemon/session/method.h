/* method.h: the methods of the schema by their numbers: how they are called, what they take and cost, what one must be
 * allowed to do for them to reach other uids, how often they were asked for. */
#ifndef METHOD_H
#define METHOD_H

#include "daemon/access/policy.h"

#include <stddef.h>
#include <stdint.h>

enum { METHODS_MAX = 64 };

enum method_fds { FDS_NONE, FDS_MAYBE, FDS_SEVERAL };

struct method {
    const char *name;
    enum method_fds fds;
    unsigned units; /* of a turn (daemon/base/turn.h), beside what the answer's length costs */
    enum policy_right
        right; /* with it what belongs to other uids is reached as well (call.others); else the caller's own alone */
};

/* NULL: there is none of that number. */
const struct method *method_find(size_t number);

/* The name of that method, "" if there is none. */
const char *method_name(size_t number);

/* It is asked for once more. */
void method_count(size_t number);

/* The name of the first method from that number on, how often it was asked for, and *number behind it. NULL: there is no more. */
const char *method_next(size_t *number, uint64_t *count);

#endif
