/* options.h: parsing the command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "client/portctl/command.h"

/* The options that every verb has, for the help. The last has the name NULL. */
extern const struct option_row options_global[];

/* The option, global or of `command` (may be NULL), whose name is the first `length` bytes of name; NULL: there is none. */
const struct option_row *options_find(const struct command *command, const char *name, size_t length);

/* The letter of a global option, or 0. */
char options_letter(const struct option_row *option);

/* Fills *in from the command line. Returns 0, or the exit code of a usage error that has been printed. Call options_deinit in
 * either case. */
int options_parse(int argc, char **argv, struct invocation *in);

void options_deinit(struct invocation *in);

#endif
