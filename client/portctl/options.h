/* options.h: the command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "client/portctl/command.h"

/* The options that every verb has, for the help. The last has the name NULL. */
extern const struct option_row options_global[];

/* The option of every verb, or of that one (or NULL), whose name is the first `length` bytes; NULL: there is none. */
const struct option_row *options_find(const struct command *command, const char *name, size_t length);

/* The letter of a global option, or 0. */
char options_letter(const struct option_row *option);

/* Fills *in from the command line. Returns 0, or the exit code of a usage error, which has been told.
 * Always to be followed by options_deinit. */
int options_parse(int argc, char **argv, struct invocation *in);

void options_deinit(struct invocation *in);

#endif
