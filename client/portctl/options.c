/* options.c: parsing the command line.
 *
 * getopt_long reads the words in their order, so that a verb for which it matters (wait: a --mode applies to the targets
 * before it) gets that order. Global options may be anywhere; those of a verb come after it. getopt_long would accept --time for
 * --timeout, which would break once another option begins so; therefore each long option is first looked up here by its
 * whole name, and for an unknown one the closest name is suggested. getopt_long then reports only unknown letters.
 */
#include "options.h"

#include "failure.h"
#include "native.h"
#include "owner.h"
#include "text.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { GLOBAL = 256, OF_VERB = 512, OPTIONS_MAX = 48 };

/* The array below is in the same order. */
enum global {
    ADDRESS,
    USER,
    SYSTEM,
    TIMEOUT,
    OWNER,
    TTL,
    JSON,
    QUIET,
    VERBOSE,
    COLOR,
    NO_LEGEND,
    FULL,
    COLUMNS,
    HELP,
    VERSION
};

const struct option_row options_global[] = {
    {"address", "ADDRESS", "broker address: unix:/path, unix:@name or fd:N", true, NULL},
    {"user", NULL, "use the user's broker; do not start one", true, NULL},
    {"system", NULL, "use the system's broker", true, NULL},
    {"timeout", "DURATION", "time limit: 250ms, 5s, 2min, 1h, 1d; 5 is 5s", true, NULL},
    {"owner", "PROCESS", "session owner: PID, parent or session-leader", true, "parent|session-leader"},
    {"ttl", "DURATION", "lifetime of what this call makes: a session or hold", true, NULL},
    {"json", "[MODE]", "print JSON: short, pretty or lines", true, "short|pretty|lines"},
    {"quiet", NULL, "print answers and errors only", true, NULL},
    {"verbose", NULL, "log actions to standard error", true, NULL},
    {"color", "WHEN", "auto, always or never", true, "auto|always|never"},
    {"no-legend", NULL, "omit the heading of tables", true, NULL},
    {"full", NULL, "do not truncate lines to the terminal's width", true, NULL},
    {"columns", "LIST", "show these columns only: id,kind,...", true, ",@column"},
    {"help", NULL, "print help; -h: short help", true, NULL},
    {"version", NULL, "print the version of portctl", true, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char letters[] = {[JSON] = 'j', [QUIET] = 'q', [VERBOSE] = 'v', [HELP] = 'h'};

char options_letter(const struct option_row *option) {
    size_t i = (size_t)(option - options_global);

    return i < sizeof(letters) ? letters[i] : '\0';
}

/* ---- values -------------------------------------------------------------------------------------------- */

static int take_json(struct invocation *in, const char *mode) {
    static const char *const modes[] = {"short", "pretty", "lines", NULL};
    const char *closest;

    if (mode == NULL)
        in->output.format = native_is_terminal(1) ? OUTPUT_PRETTY : OUTPUT_SHORT;
    else if (strcmp(mode, "short") == 0)
        in->output.format = OUTPUT_SHORT;
    else if (strcmp(mode, "pretty") == 0)
        in->output.format = OUTPUT_PRETTY;
    else if (strcmp(mode, "lines") == 0)
        in->output.format = OUTPUT_LINES;
    else {
        closest = text_closest(mode, modes);
        return failure_usage(&in->output, NULL, "--json=%s: the modes are short, pretty and lines%s%s", mode,
                             closest != NULL ? "; did you mean " : "", closest != NULL ? closest : "");
    }
    return 0;
}

static int take_color(struct invocation *in, const char *when) {
    if (strcmp(when, "auto") == 0)
        return 0;
    if (strcmp(when, "always") != 0 && strcmp(when, "never") != 0)
        return failure_usage(&in->output, NULL, "--color %s: expected auto, always or never", when);
    in->output.colour = in->output.error_colour = when[0] == 'a';
    return 0;
}

static int take_duration(struct invocation *in, const char *name, const char *value, int64_t *duration) {
    if (text_duration(value, duration))
        return 0;
    return failure_usage(&in->output,
                         "a duration is a whole number and us, ms, s, min, h or d; or 'infinity'",
                         "--%s %s: not a duration", name, value);
}

static int take_ttl(struct invocation *in, const char *value) {
    int rc = take_duration(in, "ttl", value, &in->ttl_us);

    if (rc == 0 && (in->ttl_us == 0 || in->ttl_us == INT64_MAX))
        rc = failure_usage(&in->output, "omit --ttl for what ends with its owner, or is held for ever",
                           "--ttl %s: a time to live must be positive and finite", value);
    return rc;
}

static int take_owner(struct invocation *in, const char *value) {
    if (owner_parse(value, &in->owner_pid))
        return 0;
    return failure_usage(&in->output, "an owner is a process id, 'parent' or 'session-leader'",
                         "--owner %s: no such process, or portctl itself", value);
}

static int take_which(struct invocation *in, enum which_broker which) {
    if (in->which != WHICH_ANY && in->which != which)
        return failure_usage(&in->output, NULL, "--user and --system are mutually exclusive");
    in->which = which;
    return 0;
}

static int take_global(struct invocation *in, int option, const char *value) {
    switch ((enum global)option) {
    case ADDRESS:
        in->address = value;
        return 0;
    case USER:
    case SYSTEM:
        return take_which(in, option == USER ? WHICH_USER : WHICH_SYSTEM);
    case TIMEOUT:
        return take_duration(in, "timeout", value, &in->timeout_us);
    case OWNER:
        return take_owner(in, value);
    case TTL:
        return take_ttl(in, value);
    case JSON:
        return take_json(in, value);
    case QUIET:
        in->output.quiet = true;
        return 0;
    case VERBOSE:
        in->output.verbose = true;
        return 0;
    case COLOR:
        return take_color(in, value);
    case NO_LEGEND:
        in->output.legend = false;
        return 0;
    case FULL:
        in->output.width = 0;
        return 0;
    case COLUMNS:
        in->output.columns = value;
        return 0;
    case HELP:
        in->help = HELP_FULL;
        return 0;
    case VERSION:
        in->version = true;
        return 0;
    }
    return 0;
}

/* ---- long options, whole ------------------------------------------------------------------------------- */

static const struct option_row *find_row(const struct option_row *rows, const char *name, size_t length) {
    for (; rows != NULL && rows->name != NULL; rows++)
        if (strlen(rows->name) == length && strncmp(rows->name, name, length) == 0)
            return rows;
    return NULL;
}

const struct option_row *options_find(const struct command *command, const char *name, size_t length) {
    const struct option_row *row = find_row(options_global, name, length);

    return row != NULL || command == NULL ? row : find_row(command->options, name, length);
}

static int unknown_option(const struct invocation *in, const char *name) {
    const char *names[2 * OPTIONS_MAX], *closest;
    const struct option_row *row;
    char *hint = NULL;
    size_t n = 0;
    int rc;

    for (row = in->command == NULL ? NULL : in->command->options; row != NULL && row->name != NULL; row++)
        names[n++] = row->name;
    for (row = options_global; row->name != NULL; row++)
        names[n++] = row->name;
    names[n] = NULL;
    closest = text_closest(name, names);
    if (closest != NULL)
        hint = text_print("did you mean --%s?", closest);
    for (size_t i = 0; in->command == NULL && commands[i] != NULL && hint == NULL; i++)
        if (find_row(commands[i]->options, name, strlen(name)) != NULL)
            hint = text_print("options of a verb go after it: portctl %s --%s", commands[i]->name, name);
    rc = failure_usage(&in->output, hint, "unknown option --%s%s%s", name, in->command != NULL ? " for " : "",
                       in->command != NULL ? in->command->name : "");
    free(hint);
    return rc;
}

/* Checks the word that getopt_long will read next. */
static int check_long(const struct invocation *in, const char *word, const char *next) {
    size_t length;
    const struct option_row *row;

    if (word == NULL || strncmp(word, "--", 2) != 0 || word[2] == '\0')
        return 0;
    word += 2;
    length = strcspn(word, "=");
    row = options_find(in->command, word, length);
    if (row == NULL) {
        char *name = text_print("%.*s", (int)length, word);
        int rc = unknown_option(in, name);

        free(name);
        return rc;
    }
    if (row->argument == NULL && word[length] == '=')
        return failure_usage(&in->output, NULL, "--%s takes no value", row->name);
    if (row->argument != NULL && row->argument[0] != '[' && word[length] != '=' && next == NULL)
        return failure_usage(&in->output, NULL, "--%s needs a value: --%s %s", row->name, row->name,
                             row->argument);
    return 0;
}

/* ---- the walk ------------------------------------------------------------------------------------------ */

static size_t add_rows(struct option *table, size_t n, const struct option_row *rows, int base) {
    for (int i = 0; rows != NULL && rows[i].name != NULL && n + 1 < OPTIONS_MAX; i++) {
        const char *argument = rows[i].argument;

        table[n].name = rows[i].name;
        table[n].has_arg = argument == NULL     ? no_argument
                           : argument[0] == '[' ? optional_argument
                                                : required_argument;
        table[n].flag = NULL;
        table[n++].val = base + i;
    }
    memset(&table[n], 0, sizeof(table[n]));
    return n;
}

static int take_verb(struct invocation *in, const char *name) {
    const char *closest;
    char *hint = NULL;
    int rc;

    in->command = command_find(name);
    if (in->command != NULL) {
        in->output.verb = in->command->name;
        return 0;
    }
    closest = command_closest(name);
    if (closest != NULL)
        hint = text_print("did you mean '%s'?", closest);
    rc = failure_usage(&in->output, hint, "unknown verb '%s'", name);
    free(hint);
    return rc;
}

static int take_argument(struct invocation *in, const struct option_row *option, const char *value) {
    if (option != NULL && !option->repeats && command_option(in, option->name) != NULL)
        return failure_usage(&in->output, NULL, "--%s given twice", option->name);
    in->arguments[in->n_arguments].option = option;
    in->arguments[in->n_arguments++].value = value;
    return 0;
}

/* A word that is not an option: the verb, or an argument of it. */
static int take_word(struct invocation *in, const char *word) {
    return in->command == NULL ? take_verb(in, word) : take_argument(in, NULL, word);
}

static int take_option(struct invocation *in, int c, const char *word) {
    if (c >= OF_VERB)
        return take_argument(in, &in->command->options[c - OF_VERB], optarg);
    if (c >= GLOBAL)
        return take_global(in, c - GLOBAL, optarg);
    for (int i = 0; i < (int)sizeof(letters); i++)
        if (letters[i] == c && c != '\0') {
            in->help = c == 'h' ? HELP_SHORT : in->help;
            return c == 'h' ? 0 : take_global(in, i, NULL);
        }
    return failure_usage(&in->output, NULL, "unknown option -%c (in '%s')", optopt, word);
}

static int walk(int argc, char **argv, struct invocation *in) {
    struct option table[OPTIONS_MAX];
    size_t n_global = add_rows(table, 0, options_global, GLOBAL);
    int c, rc = 0;

    opterr = 0;
    while (rc == 0) {
        const char *word = optind < argc ? argv[optind] : NULL;

        rc = check_long(in, word, optind + 1 < argc ? argv[optind + 1] : NULL);
        if (rc != 0)
            return rc;
        c = getopt_long(argc, argv, "-:hjqv", table, NULL);
        if (c == -1)
            break;
        if (c != 1) {
            rc = take_option(in, c, word);
            continue;
        }
        rc = take_word(in, optarg);
        if (in->command != NULL)
            add_rows(table, n_global, in->command->options, OF_VERB);
    }
    if (rc == 0 && in->command != NULL && in->command->runs && strcmp(argv[optind - 1], "--") == 0) {
        in->program = &argv[optind];
        return 0;
    }
    while (rc == 0 && optind < argc)
        rc = take_word(in, argv[optind++]);
    return rc;
}

/* ---- what all verbs share ------------------------------------------------------------------------------ */

static bool is_set(const char *variable) {
    const char *value = getenv(variable);

    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

static bool wants_colour(int stream) {
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");

    if (no != NULL && no[0] != '\0')
        return false;
    if (is_set("CLICOLOR_FORCE") || is_set("FORCE_COLOR"))
        return true;
    return native_is_terminal(stream) && (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

/* Whether any word is --json: an error in an earlier word must be printed as JSON, too. */
static bool asks_for_json(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *word = argv[i];

        if (strncmp(word, "--json", 6) == 0)
            return true;
        if (word[0] == '-' && word[1] != '-' && strchr(word, 'j') != NULL &&
            strspn(word + 1, "hjqv") == strlen(word + 1))
            return true;
    }
    return false;
}

/* The last value of --timeout in any word: an error in an earlier word must be printed within it, too. */
static int64_t asked_timeout(int argc, char **argv) {
    int64_t timeout_us = INT64_MAX;

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strncmp(argv[i], "--timeout=", 10) == 0)
            (void)text_duration(argv[i] + 10, &timeout_us);
        else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc)
            (void)text_duration(argv[i + 1], &timeout_us);
    }
    return timeout_us;
}

static int64_t deadline_after(int64_t now, int64_t timeout_us) {
    return timeout_us > INT64_MAX - now ? PORTD_FOREVER : now + timeout_us;
}

static int check_together(const struct invocation *in) {
    if (in->address != NULL && in->which != WHICH_ANY)
        return failure_usage(&in->output, NULL, "--address and --%s are mutually exclusive",
                             in->which == WHICH_USER ? "user" : "system");
    if (in->command == NULL || in->help != HELP_NONE)
        return 0;
    if (!in->command->joins && (in->owner_pid != 0 || (in->ttl_us != 0 && !in->command->leases)))
        return failure_usage(&in->output, NULL, "'%s' joins no session: --%s does not apply",
                             in->command->name, in->owner_pid != 0 ? "owner" : "ttl");
    return failure_columns(&in->output, in->command->columns);
}

int options_parse(int argc, char **argv, struct invocation *in) {
    int64_t now = portd_now();
    int rc;

    memset(in, 0, sizeof(*in));
    in->timeout_us = INT64_MAX;
    in->arguments = text_room((size_t)argc + 1, sizeof(*in->arguments));
    in->output.format = asks_for_json(argc, argv) ? OUTPUT_SHORT : OUTPUT_TEXT;
    in->output.colour = wants_colour(1);
    in->output.error_colour = wants_colour(2);
    in->output.legend = true;
    in->output.width = native_is_terminal(1) ? native_terminal_width() : 0;
    native_limit_streams(deadline_after(now, asked_timeout(argc, argv)));
    rc = walk(argc, argv, in);
    in->deadline = deadline_after(now, in->timeout_us);
    return rc != 0 ? rc : check_together(in);
}

void options_deinit(struct invocation *in) {
    free(in->arguments);
    in->arguments = NULL;
}
