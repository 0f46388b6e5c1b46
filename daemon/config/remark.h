/* remark.h: texts for people about a configuration: what is wrong with it ("FILE:LINE: ..."), or what comes of it. */
#ifndef REMARK_H
#define REMARK_H

#include <stdbool.h>
#include <stddef.h>

enum { REMARKS_KEPT = 50, REMARK_SIZE = 1024 };

/* Zeros: there are none. */
struct remarks {
    char *texts
        [REMARKS_KEPT]; /* the first of them, in UTF-8 without control characters; NULL: there was no memory */
    size_t n;           /* of all */
    bool memory;        /* there was none for a text */
};

/* file NULL: it is about no file; line 0: about no line of it. */
void remarks_add(struct remarks *remarks, const char *file, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* How many texts there are. */
size_t remarks_kept(const struct remarks *remarks);

/* Frees the texts: there are none then. */
void remarks_clear(struct remarks *remarks);

#endif
