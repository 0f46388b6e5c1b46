/* help.h: the help, made from the table of verbs. */
#ifndef HELP_H
#define HELP_H

#include "client/portctl/command.h"

#include <stdio.h>

struct help_topic {
    const char *name;
    const char *summary;
    const char *text;
};

/* The last has the name NULL. */
extern const struct help_topic help_topics[];

/* Prints the help of in->command, or of portctl if that is NULL; short or full as in->help says. Returns the exit code. */
int help_print(const struct invocation *in);

/* Prints the message for a call without a verb. Returns the exit code. */
int help_no_verb(const struct invocation *in);

/* `help WORD`: prints the help of a verb or a topic. Returns the exit code. */
int help_word(const struct invocation *in, const char *word);

#endif
