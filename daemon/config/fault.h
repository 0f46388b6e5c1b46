/* fault.h: what is wrong with a configuration, as texts for people: "FILE:LINE: ...". */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum { FAULTS_KEPT = 50, FAULT_SIZE = 1024 };

/* Zeros: there are none. */
struct faults {
    char *texts[FAULTS_KEPT]; /* the first of them, in UTF-8 without control characters */
    size_t n;                 /* of all */
    bool memory;              /* there was none for a text */
};

/* file NULL: it is in no file; line 0: in no line of it. */
void faults_add(struct faults *faults, const char *file, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* How many texts there are. */
size_t faults_kept(const struct faults *faults);

/* Frees the texts: there are none then. */
void faults_clear(struct faults *faults);

#endif
