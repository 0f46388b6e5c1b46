/* cmd_help.c: portctl help, of portctl, of a verb, of a topic. */
#include "failure.h"
#include "help.h"
#include "text.h"

#include <stdlib.h>

static int too_many(const struct invocation *in) {
    bool known = command_find(command_word(in, 0)) != NULL;
    char *hint = known ? text_print("portctl help %s", command_word(in, 0)) : NULL;
    int rc =
        failure_usage(&in->output, hint, "one word at a time: unexpected argument '%s'", command_word(in, 1));

    free(hint);
    return rc;
}

static int run(const struct invocation *in) {
    const char *word = command_word(in, 0);
    struct invocation all = *in;

    if (command_words(in) > 1)
        return too_many(in);
    if (word != NULL)
        return help_word(in, word);
    all.command = NULL;
    all.help = HELP_FULL;
    return help_print(&all);
}

static const char *const usage[] = {"help [VERB | TOPIC]", NULL};

static const char *const examples[] = {
    "portctl help wait",
    "portctl help exit-codes",
    "portctl help --json | jq -r '.verbs[].name'",
    NULL,
};

static const char details[] = "The topics are exit-codes, environment, json and fds.";

static const char *const words[] = {"@topic", NULL};

const struct command command_help = {
    .name = "help",
    .summary = "print help for portctl, a verb or a topic",
    .usage = usage,
    .details = details,
    .examples = examples,
    .words = words,
    .run = run,
};
