/* cmd_semaphore.c: portctl semaphore, for unsafe-file-descriptor->semaphore and unsafe-socket->semaphore. */
#include "procedure.h"

static int call(portd_client *client, portd_native number, int mode, int number_kind, int64_t deadline,
                portd_id *id) {
    if (number_kind == PORTD_SOCKET)
        return portd_socket_to_semaphore(client, number, mode, deadline, id);
    return portd_fd_to_semaphore(client, number, mode, deadline, id);
}

static int run(const struct invocation *in) { return procedure_run(in, call, portd_hold_to_semaphore); }

static const char *const usage[] = {
    "semaphore fd N --mode MODE",
    "semaphore socket N --mode MODE",
    "semaphore hold NAME --mode MODE [--of USER]",
    NULL,
};

static const char *const examples[] = {
    "id=$(portctl semaphore fd 0 --mode read) && portctl wait \"$id\"",
    "portctl semaphore socket 5 --mode write 5<&\"$connection\"",
    "portctl semaphore hold web --mode read",
    "portctl semaphore fd 0 --mode check-read || echo 'none yet'",
    "portctl semaphore fd 0 --mode remove",
    NULL,
};

static const char details[] =
    "A semaphore fires once, when the descriptor is ready in that mode, hangs up or\n"
    "fails, and stays fired. Asking again for the same number returns the same\n"
    "semaphore until it has fired, then a new one. But a number that only portctl\n"
    "has, as by 5<&\"$fd\", gets another semaphore each time, which is found by its id\n"
    "alone.\n"
    "\n"
    "read, write              hand the broker a copy of descriptor N and print the id\n"
    "                         of the semaphore\n"
    "check-read, check-write  print the id if it exists; make nothing\n"
    "remove                   fire both directions of N and forget N; print nothing.\n"
    "                         'portctl remove ID' does it by an id\n"
    "\n"
    "hold NAME is what 'portctl put' has had held: the session gets a semaphore of its\n"
    "own, which ends with what is held.\n"
    "\n"
    "Exit code 1 and no id: there is no such object. Files that are always ready\n"
    "(regular files, directories) have no semaphore, and standard error says so.\n"
    "\n"
    "Use mode remove before closing N: while the broker holds its copy, the other end\n"
    "sees no end of file.";

const struct command command_semaphore = {
    .name = "semaphore",
    .alias = "sem",
    .summary = "make or find a semaphore, which fires once",
    .usage = usage,
    .details = details,
    .options = procedure_options,
    .examples = examples,
    .words = procedure_words,
    .joins = true,
    .run = run,
};
