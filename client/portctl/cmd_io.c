/* cmd_io.c: portctl cat and write: reading and writing one port. */
#include "failure.h"
#include "io.h"
#include "text.h"

#include <stdlib.h>

static const char *const words_cat[] = {"@input|@held", NULL};
static const char *const words_write[] = {"@output|@held", NULL};

/* ---- cat ------------------------------------------------------------------------------------------------- */

static int run_cat(const struct invocation *in) {
    struct io io;
    int rc = io_open(&io, in, PORTD_DIRECTION_READ);

    if (rc != 0)
        return rc;
    flow_begin(in->deadline, io.broker.client);
    rc = io_cat(&io);
    io_close(&io);
    return rc;
}

static const char *const usage_cat[] = {"cat ID [--through-broker]",
                                        "cat NAME [--through-broker] [--of USER]", NULL};

static const char *const examples_cat[] = {
    "portctl cat \"$id\" >file",
    "portctl cat \"$id\" --timeout 1min | grep -m 1 ready",
    "portctl cat log >file",
    "portctl cat \"$id\" -j | jq -r .data | base64 -d",
    NULL,
};

static const char details_cat[] =
    "Copies what can be read from an input port, or from what is held under a NAME, to\n"
    "standard output until its end of file. The bytes are consumed for all other readers. portctl asks for a "
    "copy of\n"
    "the descriptor, so that the bytes need not go through the broker; without one\n"
    "they do. Exit code 5: the port was closed meanwhile, or its session has ended;\n"
    "125: reading failed, as by a reset, or a datagram was cut by the broker. When\n"
    "standard output fails or has lost its reader, or by Ctrl-C, SIGTERM or SIGHUP,\n"
    "an error says how many bytes had been read and are lost; none are where standard\n"
    "output is a pipe and the bytes are those of a pipe or a stream socket.\n"
    "\n"
    "In JSON each chunk is an object on a line: count, and data in base64; of a\n"
    "datagram that was cut also its length, truncated.";

const struct command command_cat = {
    .name = "cat",
    .summary = "copy an input port to standard output",
    .usage = usage_cat,
    .details = details_cat,
    .options = io_options,
    .examples = examples_cat,
    .words = words_cat,
    .joins = true,
    .run = run_cat,
};

/* ---- write ----------------------------------------------------------------------------------------------- */

static void answer_count(const struct io *io) {
    struct node *object = node_object();

    node_number(object, "count", io->flow.count);
    output_value(&io->in->output, "", object);
}

static int run_write(const struct invocation *in) {
    struct io_giver giver = {0};
    struct io io;
    enum flow_end end;
    int rc = io_open(&io, in, PORTD_DIRECTION_WRITE);

    if (rc != 0)
        return rc;
    flow_begin(in->deadline, io.broker.client);
    io.flow.to = io.copy;
    io.flow.returns = true;
    flow_set_packets(&io.flow);
    giver.client = io.broker.client;
    giver.port = io.port;
    io.flow.giver = &giver;
    if (io.copy < 0) {
        giver.packets = io_keeps_packets(&io);
        io_give_to(&io.flow, &giver);
    }
    end = flow_run(&io.flow);
    flow_end(); /* the answer is written as any other */
    if (end == FLOW_FILE_END)
        answer_count(&io);
    rc = io_tell(&io, &io.flow, end, "standard input", "the port");
    io_close(&io);
    through_close(&giver.through);
    return rc;
}

static const char *const usage_write[] = {"write ID [--through-broker]",
                                          "write NAME [--through-broker] [--of USER]", NULL};

static const char *const examples_write[] = {
    "echo hello | portctl write \"$id\"",
    "portctl write \"$id\" <file && portctl close \"$id\"",
    NULL,
};

static const char details_write[] =
    "Copies standard input to an output port, or to what is held under a NAME, until\n"
    "end of file. The port stays open:\n"
    "close it to let the other end see end of file. The bytes go through a copy of the\n"
    "descriptor where the broker hands one over; --through-broker keeps them in order\n"
    "with what others write through the broker.\n"
    "\n"
    "In JSON the answer is the count of bytes. On timeout, failure, Ctrl-C, SIGTERM or\n"
    "SIGHUP, bytes that were read from standard input but not written are put back if\n"
    "it is a file; else the error says how many they are.";

const struct command command_write = {
    .name = "write",
    .summary = "copy standard input to an output port",
    .usage = usage_write,
    .details = details_write,
    .options = io_options,
    .examples = examples_write,
    .words = words_write,
    .joins = true,
    .run = run_write,
};
