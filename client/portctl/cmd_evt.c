/* cmd_evt.c: portctl evt, for unsafe-fd->evt. */
#include "procedure.h"

static int call(portd_client *client, portd_native number, int mode, int number_kind, int64_t deadline,
                portd_id *id) {
    return portd_fd_to_evt(client, number, mode, number_kind, deadline, id);
}

static int run(const struct invocation *in) { return procedure_run(in, call, portd_hold_to_evt); }

static const char *const usage[] = {
    "evt fd N --mode MODE",
    "evt socket N --mode MODE",
    "evt hold NAME --mode MODE [--of USER]",
    NULL,
};

static const char *const examples[] = {
    "id=$(portctl evt fd 0 --mode read)",
    "while portctl wait \"$id\"; do read -r line || break; echo \"$line\"; done",
    "portctl evt socket 5 --mode check-write || echo 'none yet'",
    "portctl evt fd 0 --mode remove",
    NULL,
};

static const char details[] =
    "An event is ready exactly while the descriptor is ready in that mode, has hung\n"
    "up or has failed. Waiting does not consume it. Asking again for the same number\n"
    "returns the same event. But a number that only portctl has, as by 5<&\"$fd\",\n"
    "gets another event each time, which is found by its id alone.\n"
    "\n"
    "read, write              hand the broker a copy of descriptor N and print the id\n"
    "                         of the event\n"
    "check-read, check-write  print the id if it exists; make nothing\n"
    "remove                   end the events of N, which stay ready, and forget N;\n"
    "                         print nothing. 'portctl remove ID' does it by an id\n"
    "\n"
    "hold NAME is what 'portctl put' has had held: the session gets an event of its\n"
    "own, which ends with what is held.\n"
    "\n"
    "Exit code 1 and no id: there is no such object.\n"
    "\n"
    "Use mode remove before closing N: while the broker holds its copy, the other end\n"
    "sees no end of file.";

const struct command command_evt = {
    .name = "evt",
    .summary = "make or find an event, ready while its descriptor is",
    .usage = usage,
    .details = details,
    .options = procedure_options,
    .examples = examples,
    .words = procedure_words,
    .joins = true,
    .run = run,
};
