/* cmd_run.c: portctl run: starts a program that outlives its terminal. */
#include "lease.h"
#include "pass.h"
#include "spool.h"
#include "terminal.h"

static int run(const struct invocation *in) {
    struct terminal_wish wish;
    int rc = terminal_parse(in, &wish);

    if (rc == 0)
        rc = pass_check_program(in);
    if (rc == 0)
        rc = spool_parse(in, &wish.spool, &wish.when_full);
    wish.pty = command_option(in, "pty") != NULL;
    wish.detached = command_option(in, "detach") != NULL;
    return rc != 0 ? rc : terminal_run(&wish);
}

static const struct option_row options[] = {
    {"pty", NULL, "run it on a terminal of its own, not on pipes", false, NULL},
    {"detach", NULL, "do not attach to it: print its process id", false, NULL},
    TERMINAL_OPTION_DETACH_KEY,
    TERMINAL_OPTION_REDRAW,
    SPOOL_OPTION_BYTES,
    SPOOL_OPTION_WHEN_FULL,
    LEASE_OPTION_PROCESS,
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "run NAME [--pty] [--detach] [--detach-key KEY] [--redraw winch|none] [--spool SIZE [--when-full "
    "drop|stop]] [--ttl DURATION] "
    "[--process PROCESS] [--of USER] -- COMMAND [ARGUMENT]...",
    NULL,
};

static const char *const examples[] = {
    "portctl run work --pty -- bash",
    "portctl run build --detach -- make",
    "portctl run work --pty --spool 1MiB -- bash",
    "portctl run notes --pty --detach-key ctrl-] -- vim notes.txt",
    NULL,
};

static const char details[] =
    "Starts a program in a session of its own that goes on when its terminal, portctl\n"
    "and the shell have ended, and attaches to it as 'portctl attach' does. With --detach, or where\n"
    "standard input is no terminal, it prints the program's process id instead.\n"
    "\n"
    "With --pty it runs on a new terminal, which has the size of this one, or 24 rows and\n"
    "80 columns, and controls it; TERM is this one's, or xterm. Else it runs on pipes;\n"
    "standard output and error are one. The broker holds\n"
    "\n"
    "  NAME          the master of the terminal, or the end for reading of its output\n"
    "  NAME/process  its process: ready when it has ended\n"
    "  NAME/stdin    the other end of its standard input, if it is on pipes\n"
    "  NAME/writer   while somebody is attached: who\n"
    "\n"
    "until somebody who is attached has seen its end, or they are dropped ('portctl drop\n"
    "NAME NAME/process'); a terminal that nobody holds hangs up: SIGHUP. With --ttl or --process they are\n"
    "dropped then, too. While nobody is attached nothing is read: a program that has\n"
    "written so much that the terminal or pipe is full waits, and nothing is lost.\n"
    "\n"
    "With --spool the broker takes its output, also while nobody is attached, and keeps the\n"
    "last SIZE bytes (4KiB to 64MiB): who attaches sees these first, 'portctl spool' prints\n"
    "them. A full spool drops the oldest bytes; with --when-full stop the program waits\n"
    "until somebody attaches.\n"
    "\n"
    "If something is held under one of the names (exit code 1), and if the program\n"
    "cannot be run (126, 127), nothing was started and nothing is held. Else the exit\n"
    "code is that of 'portctl attach', or 0 where that was not wanted.";

const struct command command_run = {
    .name = "run",
    .summary = "start a program that outlives its terminal",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .runs = true,
    .leases = true,
    .run = run,
};
