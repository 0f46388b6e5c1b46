/* hold.h: the names of held descriptors on the command line, and the failures of calls about them. */
#ifndef HOLD_H
#define HOLD_H

#include "client/portctl/command.h"
#include "client/portd.h"

enum { HOLDS_MAX = 252 /* in one call of the library */ };

/* The option --of, which every verb with names has. */
#define HOLD_OPTION_OF                                                                                       \
    { "of", "USER", "whose holds: a user or a uid, not one's own", false, NULL }

/* The option --expects. */
#define HOLD_OPTION_EXPECTS                                                                                  \
    { "expects", "ID[,ID]...", "only if the names have these descriptors", false, ",@held-id" }

/* The names of a call. */
struct holds {
    char owner[24]; /* --of: a uid in decimal; "": the caller's own */
    const char *names[HOLDS_MAX];
    size_t n;
    portd_id expects[HOLDS_MAX];
    bool expected; /* --expects was given: one id for each name */
};

/* Whether a word is a name where ids are meant as well: anything but a number, and what begins like a descriptor. */
bool hold_is_name(const char *word);

/* The name that a word stands for, which is a part of it: hold:NAME, or NAME alone. Returns 0, or the exit code of an error that has been
 * printed. */
int hold_read(const struct invocation *in, const char *word, const char **name);

/* The word that stands for a name, wherever it is; freed by the caller. */
char *hold_word(const char *name);

/* Parses --of. */
int hold_read_owner(const struct invocation *in, struct holds *holds);

/* Adds a name: each once. */
int hold_add(const struct invocation *in, struct holds *holds, const char *word);

/* Parses --of, all words of the command line as names, at least one, and --expects where the verb has that. */
int holds_parse(const struct invocation *in, struct holds *holds);

/* Parses --of and --expects, when there are names. */
int holds_parse_options(const struct invocation *in, struct holds *holds);

/* For the library: NULL, if that was not given. */
const char *hold_owner(const struct holds *holds);
const portd_id *hold_expects(const struct holds *holds);

/* 0 if this broker holds descriptors. */
int hold_check(const struct invocation *in, const portd_client *client);

/* Prints that a call about held descriptors has failed; returns the exit code. hint: of PORTD_E_EXISTS, or NULL. */
int hold_fail(const struct invocation *in, const portd_client *client, int code, const char *hint);

/* Prints {"KEY": [names]}; in text nothing. */
void hold_answer(const struct invocation *in, const struct holds *holds, const char *key);

/* What the broker knows of one without asking its system. */
struct node *hold_describe(const portd_held *held);

/* Prints what is held, as a table. Returns the exit code. */
extern const struct column hold_columns[];
int hold_list(const struct invocation *in, portd_client *client, const struct holds *holds);

#endif
