/* nearest.h: what may have been meant by a word that is not known. */
#ifndef NEAREST_H
#define NEAREST_H

#include <stddef.h>

struct nearest {
    const char *name;  /* the unknown one */
    const char *found; /* the nearest one so far; NULL: none is near */
    size_t changes;
};

void nearest_begin(struct nearest *nearest, const char *name);

/* candidate: of 32 letters at most. */
void nearest_look(struct nearest *nearest, const char *candidate);

#endif
