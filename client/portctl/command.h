/* command.h: the description of a verb of portctl, and the arguments of one call. The parser, the help and the man page
 * use only the table of verbs (command.c). */
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
    const char *argument; /* "MODE"; NULL: takes no value; in brackets: only as --name=VALUE */
    const char *summary;
    bool repeats;       /* may be given more than once */
    const char *values; /* candidates for completion, in the form of `words` below; NULL: none */
};

/* A word after the verb: an option of the verb, or (option NULL) any other word. */
struct argument {
    const struct option_row *option;
    const char *value;
};

enum help_wanted { HELP_NONE, HELP_SHORT, HELP_FULL };
enum which_broker { WHICH_ANY, WHICH_USER, WHICH_SYSTEM };

/* Candidates are written "read|write|@port": literal words, and kinds of objects to look up, marked by "@" (candidate.c). A
 * leading ",": a list of these, separated by commas. A trailing "...": the same for all following words. */

/* One call of portctl. */
struct invocation {
    const struct command *command;
    struct argument *arguments; /* in the order of the command line */
    size_t n_arguments;
    char *const *program; /* the words after "--" of a verb that runs a program; ends with NULL */
    struct output output;
    const char *address; /* --address, or NULL */
    enum which_broker which;
    int64_t timeout_us; /* --timeout; INT64_MAX: none */
    int64_t deadline;   /* start of the call + timeout_us */
    uint32_t owner_pid; /* --owner, or 0 */
    int64_t ttl_us;     /* --ttl, or 0: of a session, or of what the verb has held */
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
    const char *const *words;     /* candidates for its arguments, one string each, the last NULL; or NULL */
    const char *(*own_word)(
        size_t i); /* the i-th word that "@own" in them stands for, NULL at the end; or NULL */
    bool runs;     /* "--" is followed by a program and its arguments */
    bool joins;    /* joins the session of its owner: --owner and --ttl are allowed */
    bool leases;   /* has something held: --ttl is allowed */
    int (*run)(const struct invocation *in); /* returns the exit code */
};

extern const struct command command_wrap, command_fd, command_socket, command_close;
extern const struct command command_cat, command_write, command_relay, command_exec;
extern const struct command command_put, command_get, command_take, command_drop, command_renew,
    command_repair, command_resize;
extern const struct command command_run, command_attach, command_spool;
extern const struct command command_semaphore, command_evt, command_wait, command_remove, command_release;
extern const struct command command_list, command_show, command_ping, command_status, command_session;
extern const struct command command_stats, command_monitor, command_reload, command_upgrade, command_why,
    command_call, command_completion;
extern const struct command command_version, command_help;

/* All verbs in the order of the help; the last is NULL. */
extern const struct command *const commands[];

/* By name or alias; NULL if there is none. */
const struct command *command_find(const char *name);

/* The name closest to a misspelled one, or NULL. */
const char *command_closest(const char *name);

/* The value of the verb's option (the last one given), "" if it takes no value, NULL if it was not given. */
const char *command_option(const struct invocation *in, const char *name);

/* The i-th word that is not an option, or NULL. */
const char *command_word(const struct invocation *in, size_t i);
size_t command_words(const struct invocation *in);

#endif
