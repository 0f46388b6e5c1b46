/* io.c: copying bytes from or to a port.
 *
 * Usually portctl gets a copy of the port's descriptor from the broker and reads or writes it directly. Bytes go through
 * the broker if it refuses the copy, with --through-broker, or for datagrams (a read of 0 bytes is not end of file): by
 * splice through a pipe (through.h), or in chunks if the broker does not support that.
 *
 * With a copy cat would not notice that the port is closed. So it also polls the port's handle, which is ready when the
 * descriptor is, and stays ready once the port is closed: if the handle is ready and the descriptor is not, portctl asks
 * the broker, and arms the handle again, which may be a hint.
 */
#include "io.h"

#include "failure.h"
#include "ids.h"
#include "native.h"
#include "stop.h"
#include "text.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* Of the pipe to a port, and of the one from a port. What is in that one is lost when standard output takes no more, and FLOW_CHUNK that was read from
 * it: so it holds less, and FLOW_CHUNK alone where a reader can leave. */
enum { GIVE_ROOM = 1 << 20, TAKE_ROOM = 1 << 18 };

const struct option_row io_options[] = {
    {"through-broker", NULL, "do not use a copy of the descriptor", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

/* ---- the port -------------------------------------------------------------------------------------------- */

/* What a failure has to say in addition. */
static const char *rest_of(struct io *io) {
    if (io->settle != NULL) {
        free(io->rest);
        io->rest = io->settle(io);
        io->settle = NULL;
    }
    return io->rest != NULL ? io->rest : "";
}

static int fail(struct io *io, int code, const char *hint, const char *why) {
    return failure_code(&io->in->output, code, hint, "%s%s", why, rest_of(io));
}

/* A call of the library has failed. */
static int fail_call(struct io *io, int code) {
    const char *why = portd_last_error(io->broker.client);

    return fail(io, code, portd_last_hint(io->broker.client), why[0] != '\0' ? why : portd_code_text(code));
}

static int check_item(struct io *io, const portd_item *item, int direction) {
    unsigned long long id = (unsigned long long)io->port;

    if (item->kind != PORTD_KIND_PORT)
        return failure_usage(&io->in->output, NULL, "%llu is not a port, its kind is %s", id,
                             portd_kind_name(item->kind));
    if (direction != PORTD_DIRECTION_NONE && item->direction != direction)
        return failure_usage(&io->in->output, NULL, "%llu is an %s port: portctl %s %llu", id,
                             direction == PORTD_DIRECTION_READ ? "output" : "input",
                             direction == PORTD_DIRECTION_READ ? "write" : "cat", id);
    io->descriptor = item->descriptor;
    if (!item->registered)
        return failure_code(&io->in->output, PORTD_E_CLOSED, "wrap the descriptor again",
                            "port %llu is closed%s", id, rest_of(io));
    return 0;
}

/* Returns a PORTD_E_ code without a message, or as check_port. */
static int check(struct io *io, int direction) {
    portd_list *list;
    int rc = portd_show(io->broker.client, &io->port, 1, io->in->deadline, &list);

    if (rc < 0)
        return rc;
    rc = check_item(io, portd_list_item(list, 0), direction);
    portd_list_free(list);
    return rc;
}

/* 0 when it is an open port of that direction, else the exit code. */
static int check_port(struct io *io, int direction) {
    int rc = check(io, direction);

    return rc < 0 ? fail_call(io, rc) : rc;
}

/* Gets a copy of the descriptor; a refusal is not a failure. */
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
        return fail_call(io, rc);
    if (flow_is_stream(io->copy))
        return 0;
    native_close(io->copy);
    io->copy = -1;
    return 0;
}

void io_close(struct io *io) {
    stop_leave_client();
    if (io->copy >= 0)
        native_close(io->copy);
    if (io->flow.watch >= 0)
        native_close(io->flow.watch);
    broker_disconnect(&io->broker);
    through_close(&io->through);
    free(io->rest);
    io->rest = NULL;
}

int io_open(struct io *io, const struct invocation *in, int direction) {
    portd_id *ids;
    size_t n;
    int rc = ids_parse(in, &ids, &n);

    if (rc != 0)
        return rc;
    *io = (struct io){.in = in, .port = ids[0], .copy = -1};
    io->flow = (struct flow){.from = 0, .to = 1, .watch = -1, .deadline = in->deadline};
    free(ids);
    if (n > 1)
        return failure_usage(&in->output, NULL, "one port at a time: unexpected argument '%s'",
                             command_word(in, 1));
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

/* "; 5 bytes ...", or "". */
static char *describe_lost(const struct flow *flow, const char *from) {
    return flow->lost > 0
               ? text_print("; %zu bytes that had been read from %s were not written", flow->lost, from)
               : text_copy("");
}

/* Says what is lost, if anything, and ends portctl by the signal. */
static int tell_stop(struct io *io, const struct flow *flow, const char *from) {
    int code = 128 + stop_asked();
    char *lost = describe_lost(flow, from);

    if (lost[0] != '\0' || rest_of(io)[0] != '\0')
        (void)failure_own(&io->in->output, "interrupted", code, NULL, "ended by a signal%s%s", lost,
                          rest_of(io));
    free(lost);
    stop_raise();
    return code;
}

/* Why the giver refused. */
static char *describe_refusal(const struct io_giver *giver, const char *to, int *error) {
    *error = giver->code == PORTD_E_SYSTEM ? portd_last_errno(giver->client) : 0;
    return *error != 0 ? text_print("cannot write %s: %s", to, strerror(*error))
                       : text_copy(portd_last_error(giver->client));
}

int io_tell(struct io *io, const struct flow *flow, enum flow_end end, const char *from, const char *to) {
    const struct io_giver *giver = flow->giver;
    int error = errno, code = end == FLOW_LATE ? PORTD_E_TIMEOUT : PORTD_E_SYSTEM;
    const char *hint = NULL;
    char *lost, *why;

    if (end == FLOW_FILE_END)
        return 0;
    if (end == FLOW_STOPPED)
        return tell_stop(io, flow, from);
    if (end == FLOW_REFUSED) {
        code = giver->code;
        why = describe_refusal(giver, to, &error);
    } else if (end == FLOW_LATE) {
        why = text_copy("timed out");
    } else {
        why = text_print("cannot %s %s: %s", end == FLOW_READ_ERROR ? "read" : "write",
                         end == FLOW_READ_ERROR ? from : to, strerror(error));
    }
    if (error == EPIPE && (end == FLOW_REFUSED || end == FLOW_WRITE_ERROR))
        hint = "nobody reads what is written to it any more: close the port";
    lost = describe_lost(flow, from);
    code = failure_code(&io->in->output, code, hint, "%s%s%s", why, lost, rest_of(io));
    free(lost);
    free(why);
    return code;
}

static enum flow_end give(struct flow *flow, const void *bytes, size_t size, size_t *written) {
    struct io_giver *giver = flow->giver;

    *written = 0;
    if (stop_asked() != 0)
        return FLOW_STOPPED;
    if (size == 0)
        giver->code = portd_port_shutdown(giver->client, giver->port, PORTD_WRITE, flow->deadline);
    else
        giver->code = portd_port_write_all(giver->client, giver->port, bytes, size, flow->deadline, written);
    if (giver->code == PORTD_E_INTERRUPTED)
        return FLOW_STOPPED;
    return giver->code > 0 ? FLOW_DONE : FLOW_REFUSED;
}

static enum flow_end pass(struct flow *flow) {
    struct io_giver *giver = flow->giver;
    enum flow_end end = through_write(&giver->through, flow);

    giver->code = giver->through.code;
    return end;
}

/* Makes the flow pass its bytes, and end of file, to the giver. */
void io_give_to(struct flow *flow, struct io_giver *giver) {
    flow->giver = giver;
    flow->give = give;
    if (!through_open(&giver->through, giver->client, giver->port, GIVE_ROOM) ||
        !through_writes(&giver->through))
        return;
    flow->pass = pass;
    flow->to = giver->through.ends[1];
}

/* ---- to standard output ---------------------------------------------------------------------------------- */

/* Standard output has lost its reader: portctl ends by SIGPIPE as any program does, once it has said what is lost, if anything. */
static int tell_broken(struct io *io) {
    char *lost = describe_lost(&io->flow, "the port");
    const char *why = strerror(EPIPE);
    int code = PORTCTL_FAILED;

    if (!flow_dies_by_signal())
        code = failure_code(&io->in->output, PORTD_E_SYSTEM, NULL, "cannot write the answer: %s%s%s", why,
                            lost, rest_of(io));
    else if (lost[0] != '\0' || rest_of(io)[0] != '\0')
        code = failure_own(&io->in->output, "interrupted", FLOW_PIPE_EXIT, NULL,
                           "cannot write the answer: %s%s%s", why, lost, rest_of(io));
    free(lost);
    flow_end_by_signal();
    return code;
}

static int tell_output(struct io *io, enum flow_end end) {
    return end == FLOW_WRITE_ERROR && errno == EPIPE ? tell_broken(io)
                                                     : io_tell(io, &io->flow, end, "the port", "the answer");
}

static int put_chunk(struct io *io, const void *bytes, size_t count) {
    struct node *object;
    char *data;
    enum flow_end end;

    if (output_is_text(&io->in->output)) {
        end = flow_write(&io->flow, bytes, count);
    } else {
        data = text_base64(bytes, count);
        object = node_object();
        node_number(object, "count", count);
        node_text(object, "encoding", "base64");
        node_text(object, "data", data);
        free(data);
        end = output_event(object) ? FLOW_DONE : FLOW_WRITE_ERROR;
        if (end != FLOW_DONE && stop_asked() != 0)
            end = FLOW_STOPPED;
        else if (end != FLOW_DONE && native_output_late())
            end = FLOW_LATE;
        io->flow.lost = end == FLOW_DONE ? 0 : count;
    }
    return end == FLOW_DONE ? 0 : tell_output(io, end);
}

/* After FLOW_LOOK: the port may be closed. Without the broker, or a handle that is armed, the copy goes on alone. A signal ends it when it goes on.
 * Returns an exit code. */
static int look(struct io *io) {
    int rc = portd_handle_arm(io->broker.client, io->port, io->in->deadline, &io->flow.watch);

    if (rc <= 0) {
        native_close(io->flow.watch);
        io->flow.watch = -1;
    }
    if (rc != PORTD_E_DISCONNECTED)
        rc = check(io, PORTD_DIRECTION_READ);
    if (rc == PORTD_E_DISCONNECTED || rc == PORTD_E_INTERRUPTED)
        return 0;
    return rc < 0 ? fail_call(io, rc) : rc;
}

/* Returns 1 and a chunk, 0 at end of file, or a negated exit code. */
static int get_chunk(struct io *io, void *bytes, size_t *count) {
    enum flow_end end;
    int rc;

    if (stop_asked() != 0)
        return -io_tell(io, &io->flow, FLOW_STOPPED, "the port", "");
    if (io->copy < 0) {
        rc =
            portd_port_read(io->broker.client, io->port, bytes, FLOW_CHUNK, 0, io->in->deadline, count, NULL);
        if (rc == PORTD_E_INTERRUPTED)
            return -io_tell(io, &io->flow, FLOW_STOPPED, "the port", "");
        return rc >= 0 ? rc : -fail_call(io, rc);
    }
    for (;;) {
        end = flow_read(&io->flow, bytes, count);
        if (end != FLOW_LOOK)
            break;
        rc = look(io);
        if (rc != 0)
            return -rc;
    }
    return end == FLOW_DONE ? 1 : -io_tell(io, &io->flow, end, "the port", "");
}

static int cat_chunks(struct io *io) {
    alignas(FLOW_ALIGNMENT) char bytes[FLOW_CHUNK];
    size_t count;
    int rc;

    do {
        rc = get_chunk(io, bytes, &count);
        if (rc <= 0)
            break;
        rc = put_chunk(io, bytes, count);
        if (rc == 0 && native_time_left(io->in->deadline) == 0)
            rc = io_tell(io, &io->flow, FLOW_LATE, "the port", "");
    } while (rc == 0);
    return rc < 0 ? -rc : rc;
}

static int cat_copy(struct io *io) {
    enum flow_end end;
    int rc;

    while ((end = flow_run(&io->flow)) == FLOW_LOOK) {
        rc = look(io);
        if (rc != 0)
            return rc;
    }
    return tell_output(io, end);
}

/* Whether the port is that of a pipe. False if that cannot be learnt. */
static bool is_pipe(const struct io *io) {
    const portd_item *item;
    portd_list *list;
    bool found;

    if (portd_show(io->broker.client, &io->descriptor, 1, io->in->deadline, &list) < 0)
        return false;
    item = portd_list_item(list, 0);
    found = item->type != NULL && strcmp(item->type, "pipe") == 0;
    portd_list_free(list);
    return found;
}

/* Copies by splice. FLOW_DONE: not supported, copy in chunks.
 *
 * A pipe's capacity counts buffers. Those of another pipe are a page each; those of a socket can be many, so there each request is limited. */
static enum flow_end cat_through(struct io *io) {
    const struct through *through = &io->through;
    size_t size = native_has_peer(io->flow.to) ? FLOW_CHUNK : TAKE_ROOM;
    enum flow_end end;

    if (!through_open(&io->through, io->broker.client, io->port, size))
        return FLOW_DONE;
    if (!is_pipe(io))
        io->through.most = size;
    end = through_read(&io->through, &io->flow);
    return end == FLOW_REFUSED && through->code == PORTD_E_UNSUPPORTED && io->flow.lost == 0 ? FLOW_DONE
                                                                                             : end;
}

static int cat_broker(struct io *io) {
    const struct through *through = &io->through;
    char *why, *lost;
    int code;
    enum flow_end end = output_is_text(&io->in->output) ? cat_through(io) : FLOW_DONE;

    if (end == FLOW_DONE)
        return cat_chunks(io);
    if (end != FLOW_REFUSED)
        return tell_output(io, end);
    lost = describe_lost(&io->flow, "the port");
    why = text_print("%s%s%s", through->os_errno != 0 ? "cannot read the port: " : "", through->why, lost);
    code = fail(io, through->code, through->hint, why);
    free(lost);
    free(why);
    return code;
}

/* Refuses to read what it writes itself, which has no end. Without a copy of the descriptor the two cannot be compared. */
static int check_loop(struct io *io) {
    portd_native copy = io->copy;
    bool loops;

    if (!native_is_file(io->flow.to) ||
        (copy < 0 && portd_port_dup_fd(io->broker.client, io->port, io->in->deadline, &copy) <= 0))
        return 0;
    loops = native_feeds_itself(copy, io->flow.to);
    if (copy != io->copy)
        native_close(copy);
    return loops ? fail(io, PORTD_E_INVALID, "write to another file, and move it when cat has ended",
                        "the port's file is the one that standard output is written to")
                 : 0;
}

int io_cat(struct io *io) {
    int rc = check_loop(io);

    if (rc != 0)
        return rc;
    if (io->copy >= 0) /* without a handle it does not notice */
        (void)portd_handle_arm(io->broker.client, io->port, io->in->deadline, &io->flow.watch);
    io->flow.from = io->copy;
    if (io->copy < 0)
        return cat_broker(io);
    return output_is_text(&io->in->output) ? cat_copy(io) : cat_chunks(io);
}
