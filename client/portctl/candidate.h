/* candidate.h: completion candidates for shells. */
#ifndef CANDIDATE_H
#define CANDIDATE_H

#include "client/portctl/command.h"

/* words: a command line without the program name; the last word is the one to complete and may be "". Prints each
 * candidate on a line, followed by a tab and a description if there is one; ":file" and ":command" tell the shell to
 * complete file and program names itself. Errors are not printed. */
void candidates_print(const struct output *output, char *const *words, size_t n);

#endif
