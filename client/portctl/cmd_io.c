/* cmd_io.c: portctl cat, write and relay, the bytes of ports.
 *
 * The broker hands a copy of the descriptor over, and the bytes go from kernel to kernel without it. Where
 * it does not hand one over, where --through-broker asks for it, or where a read of nothing is no end of
 * file (datagrams), they go through the broker in chunks.
 *
 * With a copy of its own cat would not see that the port is closed. So it also polls the port's handle, which
 * is ready when the descriptor is, and for ever when the port is closed: ready without the descriptor being
 * so means that the broker has to be asked.
 */
#include "broker.h"
#include "failure.h"
#include "flow.h"
#include "ids.h"
#include "native.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct io {
    const struct invocation *in;
    struct broker broker;
    portd_id port;
    portd_native copy; /* -1: through the broker */
    struct flow flow;  /* with the copy at one end of it and a standard stream at the other */
};

static const struct option_row options[] = {
    {"through-broker", NULL, "without a copy of the descriptor", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

/* ---- the port ------------------------------------------------------------------------------------------ */

static int check_item(const struct io *io, const portd_item *item, int direction) {
    unsigned long long id = (unsigned long long)io->port;

    if (item->kind != PORTD_KIND_PORT)
        return failure_usage(&io->in->output, NULL, "%llu is no port but a %s", id,
                             portd_kind_name(item->kind));
    if (direction != PORTD_DIRECTION_NONE && item->direction != direction)
        return failure_usage(&io->in->output, NULL, "%llu is an %s port: portctl %s %llu", id,
                             direction == PORTD_DIRECTION_READ ? "output" : "input",
                             direction == PORTD_DIRECTION_READ ? "write" : "cat", id);
    if (!item->registered)
        return failure_code(&io->in->output, PORTD_E_CLOSED, NULL, "port %llu is closed", id);
    return 0;
}

/* 0 when it is an open port of that direction, else the exit code. */
static int check_port(struct io *io, int direction) {
    portd_list *list;
    int rc = portd_show(io->broker.client, &io->port, 1, io->in->deadline, &list);

    if (rc < 0)
        return failure_call(&io->in->output, io->broker.client, rc);
    rc = check_item(io, portd_list_item(list, 0), direction);
    portd_list_free(list);
    return rc;
}

/* Asks for a copy; to be refused one is no failure. */
static int take_copy(struct io *io) {
    int rc;

    if (command_option(io->in, "through-broker") != NULL)
        return 0;
    rc = portd_port_dup_fd(io->broker.client, io->port, io->in->deadline, &io->copy);
    if (rc == PORTD_E_DENIED || rc == PORTD_E_UNSUPPORTED || rc == PORTD_E_LIMIT) {
        output_detail(&io->in->output, "through the broker: %s", portd_last_error(io->broker.client));
        return 0;
    }
    if (rc < 0)
        return failure_call(&io->in->output, io->broker.client, rc);
    if (flow_is_stream(io->copy))
        return 0;
    native_close(io->copy);
    io->copy = -1;
    return 0;
}

static void io_close(struct io *io) {
    if (io->copy >= 0)
        native_close(io->copy);
    if (io->flow.watch >= 0)
        native_close(io->flow.watch);
    broker_disconnect(&io->broker);
}

static int io_open(struct io *io, const struct invocation *in, int direction) {
    portd_id *ids;
    size_t n;
    int rc = ids_parse(in, &ids, &n);

    if (rc != 0)
        return rc;
    *io = (struct io){.in = in, .port = ids[0], .copy = -1};
    io->flow = (struct flow){.from = 0, .to = 1, .watch = -1, .deadline = in->deadline};
    free(ids);
    if (n > 1)
        return failure_usage(&in->output, NULL, "one port at a time: '%s' is too much", command_word(in, 1));
    rc = broker_join(in, &io->broker);
    if (rc != 0)
        return rc;
    rc = check_port(io, direction);
    if (rc == 0)
        rc = take_copy(io);
    if (rc != 0)
        io_close(io);
    return rc;
}

/* The exit code for an end that is none of a file. */
static int tell_end(const struct io *io, enum flow_end end, const char *from, const char *to) {
    if (end == FLOW_FILE_END)
        return 0;
    if (end == FLOW_LATE)
        return failure_code(&io->in->output, PORTD_E_TIMEOUT, NULL, "the time is up");
    return failure_code(&io->in->output, PORTD_E_SYSTEM, NULL, "%s could not be %s: %s",
                        end == FLOW_READ_ERROR ? from : to, end == FLOW_READ_ERROR ? "read" : "written",
                        strerror(errno));
}

/* ---- cat ----------------------------------------------------------------------------------------------- */

static int put_chunk(struct io *io, const void *bytes, size_t count) {
    struct node *object;
    char *data;
    enum flow_end end;

    if (output_is_text(&io->in->output)) {
        end = flow_write(&io->flow, bytes, count);
        return end == FLOW_DONE ? 0 : tell_end(io, end, "", "the answer");
    }
    data = text_base64(bytes, count);
    object = node_object();
    node_number(object, "count", count);
    node_text(object, "encoding", "base64");
    node_text(object, "data", data);
    free(data);
    output_event(object);
    return 0;
}

/* Returns 1 and a chunk, 0 at the end of the file, or an exit code, below 0. */
static int get_chunk(struct io *io, void *bytes, size_t *count) {
    enum flow_end end;
    int rc;

    if (io->copy < 0) {
        rc =
            portd_port_read(io->broker.client, io->port, bytes, FLOW_CHUNK, 0, io->in->deadline, count, NULL);
        return rc >= 0 ? rc : -failure_call(&io->in->output, io->broker.client, rc);
    }
    for (;;) {
        end = flow_read(&io->flow, bytes, count);
        if (end != FLOW_LOOK)
            break;
        rc = check_port(io, PORTD_DIRECTION_READ);
        if (rc != 0)
            return -rc;
    }
    return end == FLOW_DONE ? 1 : -tell_end(io, end, "the port", "");
}

static int cat_chunks(struct io *io) {
    char *bytes = text_room(FLOW_CHUNK, 1);
    size_t count;
    int rc;

    do {
        rc = get_chunk(io, bytes, &count);
        if (rc <= 0)
            break;
        rc = put_chunk(io, bytes, count);
    } while (rc == 0);
    free(bytes);
    return rc < 0 ? -rc : rc;
}

static int cat_copy(struct io *io) {
    enum flow_end end;
    int rc;

    while ((end = flow_run(&io->flow)) == FLOW_LOOK) {
        rc = check_port(io, PORTD_DIRECTION_READ);
        if (rc != 0)
            return rc;
    }
    return tell_end(io, end, "the port", "the answer");
}

static int run_cat(const struct invocation *in) {
    struct io io;
    int rc = io_open(&io, in, PORTD_DIRECTION_READ);

    if (rc != 0)
        return rc;
    if (io.copy >= 0 && portd_handle_dup(io.broker.client, io.port, in->deadline, &io.flow.watch) <= 0)
        io.flow.watch = -1;
    flow_begin(in->deadline, false);
    io.flow.from = io.copy;
    rc = io.copy >= 0 && output_is_text(&in->output) ? cat_copy(&io) : cat_chunks(&io);
    io_close(&io);
    return rc;
}

static const char *const usage_cat[] = {"cat ID [--through-broker]", NULL};

static const char *const examples_cat[] = {
    "portctl cat \"$id\" >file",
    "portctl cat \"$id\" --timeout 1min | grep -m 1 ready",
    "portctl cat \"$id\" -j | jq -r .data | base64 -d",
    NULL,
};

static const char details_cat[] =
    "Copies what can be read from an input port to standard output until its end of\n"
    "file. What has been read is gone for everybody else. A copy of the descriptor is\n"
    "asked for, so that the bytes need not go through the broker; when none is given,\n"
    "and for datagrams, they do. Exit code 5: the port was closed meanwhile.\n"
    "\n"
    "In JSON each chunk is an object on a line: count, and data in base64.";

static const char *const words_cat[] = {"@input", NULL};

const struct command command_cat = {
    .name = "cat",
    .summary = "copy an input port to standard output",
    .usage = usage_cat,
    .details = details_cat,
    .options = options,
    .examples = examples_cat,
    .words = words_cat,
    .joins = true,
    .run = run_cat,
};

/* ---- write --------------------------------------------------------------------------------------------- */

static int write_chunks(struct io *io) {
    char *bytes = text_room(FLOW_CHUNK, 1);
    size_t count, written;
    enum flow_end end;
    int rc = 1;

    do {
        end = flow_read(&io->flow, bytes, &count);
        if (end != FLOW_DONE)
            break;
        rc = portd_port_write_all(io->broker.client, io->port, bytes, count, io->in->deadline, &written);
        io->flow.count += written;
    } while (rc > 0);
    free(bytes);
    if (rc <= 0)
        return failure_call(&io->in->output, io->broker.client, rc);
    return tell_end(io, end, "standard input", "the port");
}

static void answer_count(const struct io *io) {
    struct node *object = node_object();

    node_number(object, "count", io->flow.count);
    output_value(&io->in->output, "", object);
}

static int run_write(const struct invocation *in) {
    struct io io;
    int rc = io_open(&io, in, PORTD_DIRECTION_WRITE);

    if (rc != 0)
        return rc;
    flow_begin(in->deadline, true);
    io.flow.to = io.copy;
    rc = io.copy >= 0 ? tell_end(&io, flow_run(&io.flow), "standard input", "the port") : write_chunks(&io);
    if (rc == 0)
        answer_count(&io);
    io_close(&io);
    return rc;
}

static const char *const usage_write[] = {"write ID [--through-broker]", NULL};

static const char *const examples_write[] = {
    "echo hello | portctl write \"$id\"",
    "portctl write \"$id\" <file && portctl close \"$id\"",
    NULL,
};

static const char details_write[] =
    "Copies standard input to an output port until end of file. The port stays open:\n"
    "close it to let the other end see end of file. The bytes go through a copy of the\n"
    "descriptor where the broker hands one over; --through-broker keeps them in order\n"
    "with what others write through the broker.\n"
    "\n"
    "In JSON the answer is the count of bytes.";

static const char *const words_write[] = {"@output", NULL};

const struct command command_write = {
    .name = "write",
    .summary = "copy standard input to an output port",
    .usage = usage_write,
    .details = details_write,
    .options = options,
    .examples = examples_write,
    .words = words_write,
    .joins = true,
    .run = run_write,
};

/* ---- relay --------------------------------------------------------------------------------------------- */

/* The input port of that port's descriptor, 0 unless both directions are open. */
static portd_id find_input(const portd_list *list, portd_id port) {
    const portd_item *own = NULL;

    for (size_t i = 0; i < portd_list_count(list); i++)
        if (portd_list_item(list, i)->id == port)
            own = portd_list_item(list, i);
    for (size_t i = 0; own != NULL && i < portd_list_count(list); i++) {
        const portd_item *item = portd_list_item(list, i);

        if (item->registered && item->direction != own->direction && item->descriptor == own->descriptor)
            return own->direction == PORTD_DIRECTION_READ ? own->id : item->id;
    }
    return 0;
}

/* From here on the input port is the one that is looked at. */
static int choose_input(struct io *io) {
    portd_list *list;
    portd_id input;
    int rc = portd_list_objects(io->broker.client, PORTD_KIND_PORT, io->in->deadline, &list);

    if (rc < 0)
        return failure_call(&io->in->output, io->broker.client, rc);
    input = find_input(list, io->port);
    portd_list_free(list);
    if (input == 0)
        return failure_usage(&io->in->output, "wrap it for read,write",
                             "%llu has no open port for the other direction", (unsigned long long)io->port);
    io->port = input;
    return 0;
}

static int relay(struct io *io) {
    struct flow input = {.from = 0, .to = io->copy, .watch = -1, .deadline = io->in->deadline};
    portd_native done;
    int rc;

    input.shuts = command_option(io->in, "shutdown") != NULL;
    rc = flow_start(&input, &done);
    if (rc != 0)
        return failure_code(&io->in->output, PORTD_E_SYSTEM, NULL, "no thread: %s", strerror(rc));
    rc = output_is_text(&io->in->output) ? cat_copy(io) : cat_chunks(io);
    if (rc != 0) {
        native_close(done);
        return rc;
    }
    return tell_end(io, flow_finish(done, io->in->deadline), "standard input", "the port");
}

static int run_relay(const struct invocation *in) {
    struct io io;
    int rc = io_open(&io, in, PORTD_DIRECTION_NONE);

    if (rc != 0)
        return rc;
    rc = choose_input(&io);
    if (rc == 0 && io.copy < 0)
        rc = failure_code(&in->output, PORTD_E_UNSUPPORTED, "portctl cat and portctl write take them",
                          "a relay is for streams, whose descriptor the broker hands over");
    if (rc == 0 && portd_handle_dup(io.broker.client, io.port, in->deadline, &io.flow.watch) <= 0)
        io.flow.watch = -1;
    flow_begin(in->deadline, false);
    io.flow.from = io.copy;
    if (rc == 0)
        rc = relay(&io);
    io.copy = -1; /* the other thread may still be at it; it goes with the program */
    io_close(&io);
    return rc;
}

static const struct option_row relay_options[] = {
    {"shutdown", NULL, "tell the other end when standard input ends", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage_relay[] = {"relay ID [--shutdown]", NULL};

static const char *const examples_relay[] = {
    "portctl relay \"$id\"",
    "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | portctl relay \"$id\" --shutdown",
    NULL,
};

static const char details_relay[] =
    "Copies standard input to a descriptor that is wrapped for both directions, and\n"
    "what comes from it to standard output, until both have ended. ID is either of the\n"
    "two ports. The end of standard input is not told to the other end, unless\n"
    "--shutdown asks for it, which is for everybody who has the socket.\n"
    "\n"
    "In JSON what comes is told as by cat.";

static const char *const words_relay[] = {"@port", NULL};

const struct command command_relay = {
    .name = "relay",
    .summary = "connect standard input and output to a wrap",
    .usage = usage_relay,
    .details = details_relay,
    .options = relay_options,
    .examples = examples_relay,
    .words = words_relay,
    .joins = true,
    .run = run_relay,
};
