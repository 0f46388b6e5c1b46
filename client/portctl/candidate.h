/* candidate.h: what can come next on a command line of portctl, for shells that complete it. */
#ifndef CANDIDATE_H
#define CANDIDATE_H

#include "client/portctl/command.h"

/* The words of a command line without the name of the program; the last one is being written and may be "". Prints
 * each candidate for it on a line, with a tab and a description where there is one; ":file" and ":command" stand for
 * names of files and of programs, which the shell completes itself. Nothing that goes wrong is told. */
void candidates_print(const struct output *output, char *const *words, size_t n);

#endif
