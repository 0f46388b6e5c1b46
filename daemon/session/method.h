/* method.h: the methods of the schema by their numbers: how they are called, what they take and cost, how often they were asked for. */
#ifndef METHOD_H
#define METHOD_H

#include <stddef.h>
#include <stdint.h>

enum { METHODS_MAX = 64 };

enum method_fds { FDS_NONE, FDS_MAYBE, FDS_SEVERAL };

struct method {
    const char *name;
    enum method_fds fds;
    unsigned units; /* of a turn (daemon/base/turn.h), beside what the answer's length costs */
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
