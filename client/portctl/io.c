/* io.c: copying bytes from or to a port.
 *
 * Usually portctl gets a copy of the port's descriptor from the broker and reads or writes it directly. Bytes go through
 * the broker if it refuses the copy, or with --through-broker: by splice through a pipe (through.h), or in chunks if the
 * broker does not support that, as for datagrams. Of a datagram that is longer than a chunk the broker passes on the
 * beginning and says how long it was; what was lost is an error.
 *
 * With a copy cat would not notice that the port is closed. So it also polls the port's handle, which is ready when the
 * descriptor is, and stays ready once the port is closed: if the handle is ready and the descriptor is not, portctl asks
 * the broker, and arms the handle again, which may be a hint. Where bytes never stop coming it asks from time to time.
 */
#include "io.h"

#include "failure.h"
#include "hold.h"
#include "ids.h"
#include "io_check.h"
#include "native.h"
#include "stop.h"
#include "text.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the pipe to a port, and of the one from a port. What is in that one is lost when standard output takes no more, and FLOW_CHUNK that was read from
 * it: so it holds less, and FLOW_CHUNK alone where a reader can leave. */
enum { GIVE_ROOM = 1 << 20, TAKE_ROOM = 1 << 18 };

enum { SEND_MOST = 65536 /* what the broker writes at once */ };

const struct option_row io_options[] = {
    {"through-broker", NULL, "do not use a copy of the descriptor", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

/* ---- the port -------------------------------------------------------------------------------------------- */

/* Gets a copy of the descriptor; a refusal is not a failure. */
static int take_copy(struct io *io) {
    int rc;

    if (io->translated || command_option(io->in, "through-broker") != NULL)
        return 0;
    rc = portd_port_dup_fd(io->broker.client, io->port, io->in->deadline, &io->copy);
    if (rc == PORTD_E_DENIED || rc == PORTD_E_UNSUPPORTED || rc == PORTD_E_LIMIT) {
        output_detail(&io->in->output, "through the broker: %s", portd_last_error(io->broker.client));
        return 0;
    }
    if (rc < 0)
        return io_fail_call(io, rc);
    return 0;
}

/* A listening socket is readable when a connection has come, and never has bytes. */
static int check_bytes(struct io *io) {
    static const char *const listeners[] = {"tcp-listener", "unix-listener", NULL};

    if (io->copy >= 0 ? !native_listens(io->copy) : !io_is_type(io, listeners))
        return 0;
    return io_fail(io, PORTD_E_INVALID, "accept a connection and wrap that",
                   "the port's socket listens: it has connections, not bytes");
}

void io_close(struct io *io) {
    stop_leave_client();
    if (io->copy >= 0)
        native_close(io->copy);
    if (io->flow.watch >= 0)
        native_close(io->flow.watch);
    broker_disconnect(&io->broker);
    through_close(&io->through);
    packet_free(&io->flow.packet);
    free(io->rest);
    io->rest = NULL;
}

/* The port that the command line names, of which nothing is known yet. */
static int find_port(struct io *io, int direction) {
    const struct invocation *in = io->in;
    const char *word = command_word(in, 0);
    int rc;

    if (word == NULL)
        return failure_usage(&in->output, NULL, "the port is missing: an id or a name");
    if (command_words(in) > 1)
        return failure_usage(&in->output, NULL, "one port at a time: unexpected argument '%s'",
                             command_word(in, 1));
    if (hold_is_name(word))
        return io_open_hold(io, word, direction);
    if (command_option(in, "of") != NULL)
        return failure_usage(&in->output, NULL, "--of applies to a name, and %s is an id", word);
    rc = ids_read(in, word, "'portctl list ports' shows ids, 'portctl list holds' names", &io->port);
    return rc == 0 ? broker_join(in, &io->broker) : rc;
}

int io_open(struct io *io, const struct invocation *in, int direction) {
    int rc;

    *io = (struct io){.in = in, .copy = -1};
    io->flow = (struct flow){.from = 0, .to = 1, .watch = -1, .deadline = in->deadline};
    rc = find_port(io, direction);
    if (rc != 0)
        return rc;
    io->joined = portd_now();
    rc = io_check_port(io, direction);
    if (rc == 0)
        rc = take_copy(io);
    if (rc == 0)
        rc = check_bytes(io);
    if (rc != 0)
        io_close(io);
    return rc;
}

/* "; 5 bytes ...", or "". */
static char *describe_lost(const struct flow *flow, const char *from) {
    size_t lost = flow->lost + flow->cut;

    return lost > 0 ? text_print("; %zu bytes that had been read from %s were not written", lost, from)
                    : text_copy("");
}

/* Whether a failed write says that nobody reads any more: a socket that was reset says so first. */
static bool has_left(int error) { return error == EPIPE || error == ECONNRESET; }

/* Says what is lost, if anything, and ends portctl by the signal; or says it with the failure that has stopped this. */
static int tell_stop(struct io *io, const struct flow *flow, const char *from) {
    int why = stop_asked(), code = 128 + why;
    char *lost = describe_lost(flow, from);

    if (why == STOP_LIMIT) {
        free(io->rest);
        io->rest = lost;
        return io->other(io);
    }
    if (lost[0] != '\0' || io_rest(io)[0] != '\0')
        (void)failure_own(&io->in->output, "interrupted", code, NULL, "ended by a signal%s%s", lost,
                          io_rest(io));
    free(lost);
    stop_raise();
    return code;
}

/* Why the giver refused, and the code for that. */
static char *describe_refusal(const struct io *io, const struct io_giver *giver, const char *to, int *code,
                              int *error) {
    char *gone = io_find_gone(io, giver->port, code);

    if (gone != NULL)
        return gone;
    if (giver->why[0] != '\0')
        return text_print("cannot write %s: %s", to, giver->why);
    *error = *code == PORTD_E_SYSTEM ? portd_last_errno(giver->client) : 0;
    return *error != 0 ? text_print("cannot write %s: %s", to, native_error_text(*error))
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
        error = 0;
        why = describe_refusal(io, giver, to, &code, &error);
    } else if (end == FLOW_LATE) {
        why = text_copy("timed out");
    } else if (end == FLOW_CUT) {
        why = text_print("cannot read %s: a datagram was too long to be read whole", from);
        if (!flow->packets && command_option(io->in, "through-broker") != NULL)
            hint = "without --through-broker portctl reads it whole";
    } else {
        why = text_print("cannot %s %s: %s", end == FLOW_READ_ERROR ? "read" : "write",
                         end == FLOW_READ_ERROR ? from : to, native_error_text(error));
    }
    if (has_left(error) && (end == FLOW_REFUSED || end == FLOW_WRITE_ERROR))
        hint = "nobody reads what is written to it any more: close the port";
    lost = describe_lost(flow, from);
    code = failure_code(&io->in->output, code, hint, "%s%s%s", why, lost, io_rest(io));
    free(lost);
    free(why);
    return code;
}

static int give_packet(struct io_giver *giver, const void *bytes, size_t size, int64_t deadline,
                       size_t *written) {
    if (size <= SEND_MOST)
        return portd_port_write(giver->client, giver->port, bytes, size, deadline, written);
    snprintf(giver->why, sizeof(giver->why), "a datagram of %zu bytes is longer than the broker writes (%d)",
             size, SEND_MOST);
    return PORTD_E_SYSTEM;
}

static enum flow_end give(struct flow *flow, const void *bytes, size_t size, size_t *written) {
    struct io_giver *giver = flow->giver;

    *written = 0;
    if (stop_asked() != 0)
        return FLOW_STOPPED;
    if (bytes == NULL)
        giver->code = portd_port_shutdown(giver->client, giver->port, PORTD_WRITE, flow->deadline);
    else if (giver->packets)
        giver->code = give_packet(giver, bytes, size, flow->deadline, written);
    else if (size > 0)
        giver->code = portd_port_write_all(giver->client, giver->port, bytes, size, flow->deadline, written);
    else
        return FLOW_DONE; /* an empty packet of standard input, for a port that keeps none apart */
    if (giver->code == PORTD_E_INTERRUPTED)
        return FLOW_STOPPED;
    return giver->code > 0 ? FLOW_DONE : FLOW_REFUSED;
}

bool io_keeps_packets(const struct io *io) {
    static const char *const types[] = {"udp", "unix-dgram", "unix-seqpacket", NULL};

    return io_is_type(io, types);
}

static enum flow_end pass(struct flow *flow) {
    struct io_giver *giver = flow->giver;
    enum flow_end end = through_write(&giver->through, flow);

    giver->code = giver->through.code;
    return end;
}

/* Makes the flow pass its bytes, and end of file, to the giver. A packet may not fit into the pipe. */
void io_give_to(struct flow *flow, struct io_giver *giver) {
    flow->giver = giver;
    flow->give = give;
    if (flow->packets || giver->packets ||
        !through_open(&giver->through, giver->client, giver->port, GIVE_ROOM) ||
        !through_writes(&giver->through))
        return;
    flow->pass = pass;
    flow->to = giver->through.ends[1];
}

/* ---- to standard output ---------------------------------------------------------------------------------- */

/* Standard output has lost its reader: portctl ends by SIGPIPE as any program does, once it has said what is lost, if anything. */
static int tell_broken(struct io *io) {
    char *lost = describe_lost(&io->flow, "the port");
    const char *why = native_error_text(EPIPE);
    int code = PORTCTL_FAILED;

    if (!flow_dies_by_signal())
        code = failure_code(&io->in->output, PORTD_E_SYSTEM, NULL, "cannot write the answer: %s%s%s", why,
                            lost, io_rest(io));
    else if (lost[0] != '\0' || io_rest(io)[0] != '\0')
        code = failure_own(&io->in->output, "interrupted", FLOW_PIPE_EXIT, NULL,
                           "cannot write the answer: %s%s%s", why, lost, io_rest(io));
    free(lost);
    flow_end_by_signal();
    return code;
}

static int tell_output(struct io *io, enum flow_end end) {
    return end == FLOW_WRITE_ERROR && has_left(errno) ? tell_broken(io)
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
        if (io->flow.cut > 0)
            node_number(object, "truncated", count + io->flow.cut);
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
    if (end == FLOW_DONE && io->flow.cut > 0)
        end = FLOW_CUT;
    return end == FLOW_DONE ? 0 : tell_output(io, end);
}

/* The broker does not read the port. */
static int tell_refusal(struct io *io, int code, int error, const char *text, const char *hint) {
    char *lost = describe_lost(&io->flow, "the port"), *gone = io_find_gone(io, io->port, &code);
    bool system = gone == NULL && code == PORTD_E_SYSTEM && error != 0;
    char *why = text_print("%s%s%s", system ? "cannot read the port: " : "",
                           gone != NULL ? gone
                           : system     ? native_error_text(error)
                                        : text,
                           lost);

    code = io_fail(io, code, gone != NULL ? NULL : hint, why);
    free(lost);
    free(gone);
    free(why);
    return code;
}

static int get_from_broker(struct io *io, void *chunk, size_t *count) {
    size_t length;
    int rc =
        portd_port_read(io->broker.client, io->port, chunk, FLOW_CHUNK, 0, io->in->deadline, count, &length);

    if (rc == PORTD_E_INTERRUPTED)
        return -io_tell(io, &io->flow, FLOW_STOPPED, "the port", "");
    if (rc < 0)
        return -tell_refusal(io, rc, portd_last_errno(io->broker.client), portd_last_error(io->broker.client),
                             portd_last_hint(io->broker.client));
    io->flow.cut = length > *count ? length - *count : 0;
    return rc;
}

/* Returns 1 and bytes, in `chunk` or elsewhere, 0 at end of file, or a negated exit code. */
static int get_chunk(struct io *io, void *chunk, const void **bytes, size_t *count) {
    enum flow_end end;
    int rc;

    *bytes = chunk;
    if (stop_asked() != 0)
        return -io_tell(io, &io->flow, FLOW_STOPPED, "the port", "");
    if (io->copy < 0)
        return get_from_broker(io, chunk, count);
    while ((end = flow_read(&io->flow, chunk, bytes, count)) == FLOW_LOOK) {
        rc = io_look(io);
        if (rc != 0)
            return -rc;
    }
    return end == FLOW_DONE ? 1 : -io_tell(io, &io->flow, end, "the port", "");
}

static int cat_chunks(struct io *io) {
    alignas(FLOW_ALIGNMENT) char chunk[FLOW_CHUNK];
    const void *bytes;
    size_t count;
    int rc;

    do {
        rc = get_chunk(io, chunk, &bytes, &count);
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
        rc = io_look(io);
        if (rc != 0)
            return rc;
    }
    return tell_output(io, end);
}

/* Copies by splice. FLOW_DONE: not supported, copy in chunks.
 *
 * A pipe's capacity counts buffers. Those of another pipe are a page each; those of a socket can be many, so there each request is limited. */
static enum flow_end cat_through(struct io *io) {
    static const char *const pipe[] = {"pipe", NULL};
    const struct through *through = &io->through;
    size_t size = native_has_peer(io->flow.to) ? FLOW_CHUNK : TAKE_ROOM;
    enum flow_end end;

    if (!through_open(&io->through, io->broker.client, io->port, size))
        return FLOW_DONE;
    if (!io_is_type(io, pipe))
        io->through.most = size;
    end = through_read(&io->through, &io->flow);
    return end == FLOW_REFUSED && through->code == PORTD_E_UNSUPPORTED && io->flow.lost == 0 ? FLOW_DONE
                                                                                             : end;
}

static int cat_broker(struct io *io) {
    const struct through *through = &io->through;
    enum flow_end end = output_is_text(&io->in->output) ? cat_through(io) : FLOW_DONE;

    if (end == FLOW_DONE) {
        io->flow.sends = packet_is_kept(io->flow.to); /* an empty one is written, too */
        return cat_chunks(io);
    }
    if (end != FLOW_REFUSED)
        return tell_output(io, end);
    return tell_refusal(io, through->code, through->os_errno, through->why, through->hint);
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
    return loops ? io_fail(io, PORTD_E_INVALID, "write to another file, and move it when cat has ended",
                           "the port's file is the one that standard output is written to")
                 : 0;
}

int io_cat(struct io *io) {
    int rc = check_loop(io);

    if (rc != 0)
        return rc;
    if (io->copy < 0)
        return cat_broker(io);
    (void)portd_handle_arm(io->broker.client, io->port, io->in->deadline, &io->flow.watch);
    io->flow.looks = true;
    io->flow.looked = portd_now();
    io->flow.from = io->copy;
    flow_set_packets(&io->flow);
    return output_is_text(&io->in->output) ? cat_copy(io) : cat_chunks(io);
}
