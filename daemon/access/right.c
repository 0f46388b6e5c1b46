/* right.c: the names of rights. */
#include "right.h"

#include <string.h>

static const char *const names[RIGHTS] = {"list", "watch", "read", "write", "get", "put", "drop", "admin"};

const char *right_name(enum right right) { return names[right]; }

enum right right_find(const char *name) {
    int right = 0;
    while (right < RIGHTS && strcmp(names[right], name) != 0)
        right++;
    return (enum right)right;
}
