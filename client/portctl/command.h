/* command.h: what a verb of portctl is, and what one call of it gets. The table of verbs (command.c) is
 * all that the parser, the help and the man page know of them. */
#ifndef COMMAND_H
#define COMMAND_H

#include "client/portctl/column.h"
#include "client/portctl/output.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The last option of an array has the name NULL. */
struct option_row {
    const char *name;     /* "mode": given as --mode VALUE or --mode=VALUE */
    const char *argument; /* "MODE"; NULL: it takes none; in brackets: only as --name=VALUE */
    const char *summary;
    bool repeats;       /* may be given more than once */
    const char *values; /* what can be completed, as a word of `words` below; NULL: nothing is known of it */
};

/* A word of the command line behind the verb: an option of the verb, or (option NULL) anything else. */
struct argument {
    const struct option_row *option;
    const char *value;
};

enum help_wanted { HELP_NONE, HELP_SHORT, HELP_FULL };
enum which_broker { WHICH_ANY, WHICH_USER, WHICH_SYSTEM };

/* What a word or a value can be is written "read|write|@port": words, and what is looked up, behind a "@"
 * (candidate.c). A "," before it: several of these, separated by commas. "..." behind it: so are all words that
 * follow. */

/* One call of portctl. */
struct invocation {
    const struct command *command;
    struct argument *arguments; /* as they were written, in that order */
    size_t n_arguments;
    char *const *program; /* what stands behind "--", of a verb that runs a program; ends with NULL */
    struct output output;
    const char *address; /* --address, or NULL */
    enum which_broker which;
    int64_t timeout_us; /* --timeout, INT64_MAX when there is none */
    int64_t deadline;   /* the same from the start of the call on */
    uint32_t owner_pid; /* --owner, or 0 */
    int64_t ttl_us;     /* --ttl, or 0 */
    enum help_wanted help;
    bool version;
};

struct command {
    const char *name;
    const char *alias; /* or NULL */
    const char *summary;
    const char *const *usage; /* lines without "portctl", the last NULL */
    const char *details;      /* paragraphs for the full help */
    const struct option_row *options;
    const struct column *columns; /* of what it prints, or NULL */
    const char *const *examples;  /* two or more lines, the last NULL */
    const char *const *words;     /* what its words can be, one string for each, the last NULL; or NULL */
    const char *(*own_word)(size_t i); /* what "@own" in them means: the i-th, at the end NULL; or NULL */
    bool runs;                         /* "--" is followed by a program and what that is told */
    bool joins; /* it joins the session of its owner: --owner and --ttl mean something */
    int (*run)(const struct invocation *in); /* returns the exit code */
};

extern const struct command command_wrap, command_fd, command_socket, command_close;
extern const struct command command_cat, command_write, command_relay, command_exec;
extern const struct command command_semaphore, command_evt, command_wait, command_remove, command_release;
extern const struct command command_list, command_show, command_ping, command_status, command_session;
extern const struct command command_stats, command_monitor, command_call, command_completion;
extern const struct command command_version, command_help;

/* All verbs in the order of the help; the last is NULL. */
extern const struct command *const commands[];

/* By name or alias; NULL if there is none. */
const struct command *command_find(const char *name);

/* The name that was probably meant, or NULL. */
const char *command_closest(const char *name);

/* The value of the verb's option (the last one), "" of one that takes no value, NULL if it was not given. */
const char *command_option(const struct invocation *in, const char *name);

/* The i-th of the other words, or NULL. */
const char *command_word(const struct invocation *in, size_t i);
size_t command_words(const struct invocation *in);

#endif
