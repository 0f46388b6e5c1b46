/* cmd_evt.c: portctl evt, for unsafe-fd->evt. */
#include "procedure.h"

static int call(portd_client *client, portd_native number, int mode, int number_kind, int64_t deadline,
                portd_id *id) {
    return portd_fd_to_evt(client, number, mode, number_kind, deadline, id);
}

static int run(const struct invocation *in) { return procedure_run(in, call); }

static const char *const usage[] = {
    "evt fd N --mode MODE",
    "evt socket N --mode MODE",
    NULL,
};

static const char *const examples[] = {
    "id=$(portctl evt fd 0 --mode read)",
    "while portctl wait \"$id\"; do read -r line || break; echo \"$line\"; done",
    "portctl evt socket 5 --mode check-write 5<&\"$connection\"",
    "portctl evt fd 0 --mode remove",
    NULL,
};

static const char details[] =
    "An event is ready exactly while the descriptor is ready in that mode, has hung\n"
    "up or has failed. Being ready does not use it up. Asking again for the same\n"
    "descriptor answers the same event.\n"
    "\n"
    "read, write              hand the broker a copy of descriptor N and print the\n"
    "                         id of the event\n"
    "check-read, check-write  print the id if there is one already; make nothing\n"
    "remove                   make the events of N ready for ever and forget N;\n"
    "                         prints nothing\n"
    "\n"
    "Exit code 1 and no id: there is none.\n"
    "\n"
    "Use mode remove before you close N: while the broker has its copy, the other\n"
    "end sees no end of file.";

const struct command command_evt = {
    .name = "evt",
    .summary = "a descriptor's event: ready while it is",
    .usage = usage,
    .details = details,
    .options = procedure_options,
    .examples = examples,
    .words = procedure_words,
    .joins = true,
    .run = run,
};
