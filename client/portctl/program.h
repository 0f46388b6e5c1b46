/* program.h: a program in the place of portctl. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "client/portd.h"

#include <stddef.h>

struct output;

/* A descriptor of portctl's own, close-on-exec, and the number that the program is to have it under. */
struct program_place {
    portd_native copy;
    portd_native number;
};

enum { PROGRAM_LISTEN_FIRST = 3 }; /* where programs that know socket activation look */

/* A variable of the program's environment; NULL takes it away. Returns 0 or an errno. */
int program_set(const char *name, const char *value);

/* The variables of socket activation for n descriptors from PROGRAM_LISTEN_FIRST on, with their names separated by
 * colons. Returns 0 or an errno. */
int program_announce(size_t n, const char *names);

/* Becomes the program, which has what portctl has inherited, and the copies in their places instead. No two
 * places may be the same. Returns only if it cannot: the exit code, and the reason has been told on the standard
 * error of portctl. The copies are gone then. */
int program_become(const struct output *output, char *const *words, struct program_place *places, size_t n);

#endif
