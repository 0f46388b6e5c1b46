/* terminal.c: the command lines of run and attach. */
#include "terminal.h"

#include "failure.h"

#include <string.h>

enum { LONGEST = 255 - (int)sizeof("/process") + 1 };

/* "ctrl-X" or "^X": X is a letter or one of @[\]^_. False: anything else. */
static bool read_key(const char *text, int *key) {
    const char *at = strncmp(text, "ctrl-", 5) == 0 ? text + 5 : text[0] == '^' ? text + 1 : NULL;
    char c;

    *key = TERMINAL_NO_KEY;
    if (strcmp(text, "none") == 0)
        return true;
    if (at == NULL || at[0] == '\0' || at[1] != '\0')
        return false;
    c = at[0] >= 'a' && at[0] <= 'z' ? (char)(at[0] - 'a' + 'A') : at[0];
    *key = c & 0x1f;
    return c >= '@' && c <= '_';
}

static int parse_options(const struct invocation *in, struct terminal_wish *wish) {
    const char *key = command_option(in, "detach-key"), *redraw = command_option(in, "redraw");

    if (!read_key(key != NULL ? key : "ctrl-\\", &wish->key))
        return failure_usage(&in->output, NULL,
                             "--detach-key %s: expected ctrl- and a letter or one of @[\\]^_, or none", key);
    wish->redraws = redraw == NULL || strcmp(redraw, "winch") == 0;
    if (!wish->redraws && strcmp(redraw, "none") != 0)
        return failure_usage(&in->output, NULL, "--redraw %s: expected winch or none", redraw);
    return 0;
}

int terminal_parse(const struct invocation *in, struct terminal_wish *wish) {
    const char *word = command_word(in, 0);
    int rc;

    *wish = (struct terminal_wish){.in = in};
    if (word == NULL)
        return failure_usage(&in->output, NULL, "the name is missing");
    if (command_words(in) > 1)
        return failure_usage(&in->output, NULL, "unexpected argument '%s'%s", command_word(in, 1),
                             in->command->runs ? ": the program goes after '--'" : "");
    rc = hold_read(in, word, &wish->name);
    if (rc == 0 && strlen(wish->name) > LONGEST)
        rc = failure_usage(&in->output, NULL, "the name of a program has at most %d bytes", LONGEST);
    if (rc == 0)
        rc = hold_read_owner(in, &wish->holds);
    return rc == 0 ? parse_options(in, wish) : rc;
}
