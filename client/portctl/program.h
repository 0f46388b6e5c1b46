/* program.h: exec of a program. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output;

/* A descriptor of portctl, close-on-exec, and the number that it will have in the program. */
struct program_place {
    portd_native copy;
    portd_native number;
};

enum { PROGRAM_LISTEN_FIRST = 3 }; /* SD_LISTEN_FDS_START of socket activation */

/* Sets a variable of the program's environment; NULL removes it. Returns 0 or an errno. */
int program_set(const char *name, const char *value);

/* Sets the variables of socket activation for n descriptors from PROGRAM_LISTEN_FIRST on; names are separated by colons. 0: removes
 * them, as they are those of portctl's own. Returns 0 or an errno. */
int program_announce(size_t n, const char *names);

/* What tells this process from any that had or will have its pid. False: the system does not say. */
bool program_identity(uint64_t *identity);

/* Why no program can get a descriptor under that number; NULL: it can. */
const char *program_refusal(portd_native number);

/* 0 if there seems to be such a program, and it may be run; else as program_become. */
int program_check(const struct output *output, const char *program);

/* Prints that the exec has failed with that errno; returns the exit code. On Unix. */
int program_not_run(const struct output *output, const char *program, int error);

/* Execs the program, with the descriptors that portctl has inherited, and the copies under their numbers, which must
 * differ. Where a program cannot take portctl's place it is run, and its exit code returned. Else returns only on failure: the exit code; the reason has been printed to portctl's standard error. The copies are
 * closed then. */
int program_become(const struct output *output, char *const *words, struct program_place *places, size_t n);

#endif
