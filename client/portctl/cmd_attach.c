/* cmd_attach.c: portctl attach: connects this terminal to a program of portctl run. */
#include "failure.h"
#include "terminal.h"

static int run(const struct invocation *in) {
    struct terminal_wish wish;
    int rc = terminal_parse(in, &wish);

    wish.steals = command_option(in, "steal") != NULL;
    wish.waits = command_option(in, "wait") != NULL;
    wish.looks = command_option(in, "read-only") != NULL;
    if (rc == 0 && wish.steals + wish.waits + wish.looks > 1)
        rc = failure_usage(&in->output, NULL, "--steal, --wait and --read-only are mutually exclusive");
    return rc != 0 ? rc : terminal_attach(&wish);
}

static const struct option_row options[] = {
    {"steal", NULL, "in place of who is attached", false, NULL},
    {"read-only", NULL, "look on, beside who is attached", false, NULL},
    {"wait", NULL, "do not attach: wait for its end and exit as it did", false, NULL},
    TERMINAL_OPTION_DETACH_KEY,
    TERMINAL_OPTION_REDRAW,
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "attach NAME [--steal] [--detach-key KEY] [--redraw winch|none] [--of USER]",
    "attach NAME --read-only [--detach-key KEY] [--of USER]",
    "attach NAME --wait [--of USER]",
    NULL,
};

static const char *const examples[] = {
    "portctl attach work",
    "portctl attach work --steal",
    "portctl attach work --read-only",
    "portctl attach build --wait --timeout 1h; echo \"exit code $?\"",
    NULL,
};

static const char details[] =
    "Connects standard input and output to a program of 'portctl run'. A terminal is made\n"
    "raw, so that the program gets every key, and is given back as it was. Its size\n"
    "is the program's from then on. The program goes on when portctl ends: by the key that detaches, by a\n"
    "signal, with its terminal.\n"
    "\n"
    "--detach-key  ctrl-\\ if not given; as ctrl-X or ^X, or none\n"
    "--redraw      winch: has the program draw its screen again, by a change of the\n"
    "              size; none: does not\n"
    "--steal       takes it over: the one who is attached is told and ends with 9.\n"
    "              Without it that is refused (exit code 1)\n"
    "--read-only   shows what it prints, from the oldest byte that is kept on, and gives it\n"
    "              nothing; any number may. Only where the program was run with --spool:\n"
    "              else each byte of output goes to one reader (exit code 8)\n"
    "--wait        keeps what is held, and needs no claim: any number may wait\n"
    "\n"
    "When the program ends, the rest of its output is copied, what is held is dropped, and\n"
    "the exit code is the program's, or 128 and the number of the signal that ended it. It\n"
    "is 125, and the error says so, if that is unknown: to others than its parent Linux tells it since "
    "6.15.\n"
    "1: detached, 9: taken over, 2: portctl runs inside that terminal.";

static const char *const words[] = {"@held", NULL};

const struct command command_attach = {
    .name = "attach",
    .summary = "connect this terminal to a program of 'portctl run'",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .words = words,
    .run = run,
};
