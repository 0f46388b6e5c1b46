/* method.h: the methods of the schema by number: name, descriptors they take, cost, the right required to reach other uids, and
 * how often they were called. */
#ifndef METHOD_H
#define METHOD_H

#include "daemon/access/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METHODS_MAX = 64 };

/* How many: none, at most one, at most CALL_FDS_MAX, as many as a frame has. */
enum method_fds { FDS_NONE, FDS_MAYBE, FDS_SEVERAL, FDS_MANY };

struct method {
    const char *name;
    enum method_fds fds;
    unsigned units; /* of a turn (daemon/base/turn.h), in addition to those for the length of the reply */
    enum policy_right
        right; /* with this right the method reaches other uids' objects (call.others), without it the caller's only; reload: what it needs */
    bool is_long; /* its requests may have FRAME_LONG_MAX bytes, else FRAME_REQUEST_MAX */
};

/* NULL: no method has that number. */
const struct method *method_find(size_t number);

/* The name of that method; "": no method has that number. */
const char *method_name(size_t number);

/* Counts one call. */
void method_count(size_t number);

/* Iterates: the name and the calls of the first method from *number on; *number is set to the one after it. NULL: no more. */
const char *method_next(size_t *number, uint64_t *count);

#endif
