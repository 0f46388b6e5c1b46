/* kinds.h: descriptors of every kind in every state of readiness, with the answers recorded from Racket. */
#ifndef KINDS_H
#define KINDS_H

#include <stddef.h>

struct kind {
    const char *row;  /* of the recorded scenarios */
    const char *kind; /* of tests/kinds.tsv */
    const char *what;
    int (*make)(void); /* looked after by the case, with all that it needs */
    /* A semaphore for reading and one for writing: i(dle), f(ired), - (none); events likewise: i(dle), r(eady).
     * NULL: it depends on the kernel or was not recorded, and the kernel is asked. */
    const char *answers;
};

extern const struct kind kinds[];
extern const size_t n_kinds;

#endif
