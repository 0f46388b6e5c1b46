/* cmd_relay.c: portctl relay: copies both directions of a wrap.
 *
 * The directions must not block each other, so each has a thread: the main thread copies the port to standard output, the
 * second one copies standard input to the port. If bytes go through the broker, the second thread has a connection of its
 * own, because a client is used by one thread at a time.
 *
 * When the main thread fails, the second one is asked to end, so that the bytes which it has read and not written are told as well: a bell wakes it
 * where it waits for standard input, portd_wakeup where it waits for the broker. A write to a copy of the descriptor cannot be ended.
 *
 * When the second one fails, the main thread goes on for a while, as an answer may be on its way, and is then ended as by a signal. Its failure is told.
 */
#include "failure.h"
#include "hold.h"
#include "io.h"
#include "native.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct relay {
    struct io io;
    portd_id output;
    struct broker second; /* connection of the second thread, if bytes go through the broker */
    struct io_giver giver;
    portd_native done;     /* of the second thread (flow_start) */
    portd_native leave[2]; /* the bell that tells it to end */
};

enum { SETTLE_US = 2 * 1000 * 1000, ANSWER_US = 2 * 1000 * 1000 };

/* The open port of that descriptor for the direction; 0: none. */
static portd_id find_port(const portd_list *list, portd_id descriptor, int direction) {
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_item *item = portd_list_item(list, i);

        if (item->registered && item->direction == direction && item->descriptor == descriptor)
            return item->id;
    }
    return 0;
}

/* Finds both ports of the descriptor whose port was named. */
static void find_pair(struct relay *relay, const portd_list *list, portd_id *input) {
    portd_id named = relay->io.port;

    *input = relay->output = 0;
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_item *own = portd_list_item(list, i);
        bool reads = own->direction == PORTD_DIRECTION_READ;

        if (own->id != named || own->descriptor == 0)
            continue;
        *input = reads ? named : find_port(list, own->descriptor, PORTD_DIRECTION_READ);
        relay->output = reads ? find_port(list, own->descriptor, PORTD_DIRECTION_WRITE) : named;
    }
}

/* Lists the ports of the session that the named one belongs to, which may be another one than the joined. */
static int list_ports(const struct io *io, portd_list **ports) {
    portd_client *client = io->broker.client;
    const portd_item *item;
    portd_id session;
    portd_list *list;
    int rc = portd_show(client, &io->port, 1, io->in->deadline, &list);

    if (rc < 0)
        return rc;
    item = portd_list_item(list, 0);
    session = item != NULL ? item->session : 0;
    portd_list_free(list);
    return portd_list_session(client, session, PORTD_KIND_PORT, io->in->deadline, ports);
}

/* From here on relay->io has the input port. */
static int choose_ports(struct relay *relay) {
    struct io *io = &relay->io;
    portd_list *list;
    portd_id input;
    int rc = list_ports(io, &list);

    if (rc < 0)
        return failure_call(&io->in->output, io->broker.client, rc);
    find_pair(relay, list, &input);
    portd_list_free(list);
    if (input == 0 || relay->output == 0)
        return failure_usage(&io->in->output, "wrap it for read,write",
                             "%llu has no open port for the other direction", (unsigned long long)io->port);
    io->port = input;
    return 0;
}

/* A client translates the bytes of a port in text mode once it has seen that it is one. */
static int show_output(const struct relay *relay) {
    portd_client *client = relay->second.client;
    portd_list *list;
    int rc = portd_show(client, &relay->output, 1, relay->io.in->deadline, &list);

    if (rc < 0)
        return failure_call(&relay->io.in->output, client, rc);
    portd_list_free(list);
    return 0;
}

/* Makes the second connection, in the same session. */
static int connect_second(struct relay *relay) {
    struct invocation again = *relay->io.in;
    struct broker_wish wish = {.session = BROKER_TOKEN,
                               .token = portd_session_token(relay->io.broker.client),
                               .deadline = again.deadline};

    if (broker_inherited(&again) != NULL)
        return failure_code(&again.output, PORTD_E_UNSUPPORTED, "use the broker's path",
                            "relay through the broker needs two connections, and one was inherited");
    again.address = portd_address(relay->io.broker.client);
    again.which = WHICH_ANY;
    again.owner_pid = 0;
    again.ttl_us = 0;
    return broker_connect(&again, &wish, &relay->second);
}

/* Ends the second thread: what it has read and not written. */
static char *settle(struct io *io) {
    struct relay *relay = (struct relay *)io; /* its first member */
    struct flow input = {.lost = 0};
    enum flow_end end;

    flow_ring(relay->leave[1]);
    if (relay->second.client != NULL)
        (void)portd_wakeup(relay->second.client);
    if (!flow_finish(relay->done, portd_now() + SETTLE_US, &end, &input))
        return text_copy("; bytes that had been read from standard input may not have been written");
    return input.lost + input.cut == 0
               ? text_copy("")
               : text_print("; %zu bytes that had been read from standard input were not written",
                            input.lost + input.cut);
}

/* Waits for the second thread. */
static int finish(struct io *io) {
    const struct flow none = {.lost = 0};
    struct relay *relay = (struct relay *)io; /* its first member */
    struct flow input = {.giver = &relay->giver};
    enum flow_end end = flow_await(relay->done, io->in->deadline);

    if (end != FLOW_DONE)
        return io_tell(io, &none, end, "standard input", "the port");
    io->settle = NULL;
    (void)flow_finish(relay->done, 0, &end, &input);
    return io_tell(io, &input, end, "standard input", "the port");
}

static int run_both(struct relay *relay) {
    struct io *io = &relay->io;
    struct flow input = {
        .from = 0, .to = io->copy, .deadline = io->in->deadline, .giver = &relay->giver, .returns = true};
    int rc;

    input.shuts = command_option(io->in, "shutdown") != NULL;
    flow_set_packets(&input);
    if (io->copy < 0) {
        rc = connect_second(relay);
        if (rc == 0 && io->translated)
            rc = show_output(relay);
        if (rc != 0)
            return rc;
        relay->giver = (struct io_giver){
            .client = relay->second.client, .port = relay->output, .packets = io_keeps_packets(io)};
        io_give_to(&input, &relay->giver);
    }
    rc = flow_bell(relay->leave) ? 0 : errno;
    input.watch = relay->leave[0];
    input.fails = ANSWER_US;
    flow_begin(io->in->deadline, io->broker.client);
    if (rc == 0)
        rc = flow_start(&input, &relay->done);
    if (rc != 0)
        return failure_code(&io->in->output, PORTD_E_SYSTEM, NULL, "cannot begin to copy standard input: %s",
                            native_error_text(rc));
    io->settle = settle;
    io->other = finish;
    rc = io_cat(io);
    return rc != 0 ? rc : finish(io);
}

/* Static: the second thread may use it until the program ends. */
static struct relay relay;

static int run(const struct invocation *in) {
    int rc = io_open(&relay.io, in, PORTD_DIRECTION_NONE);

    if (rc != 0)
        return rc;
    rc = choose_ports(&relay);
    if (rc == 0)
        rc = run_both(&relay);
    relay.io.copy = -1; /* likewise, through the second connection */
    io_close(&relay.io);
    return rc;
}

static const struct option_row options[] = {
    {"shutdown", NULL, "shut down the socket when standard input ends", false, NULL},
    {"through-broker", NULL, "do not use a copy of the descriptor", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {"relay ID [--shutdown] [--through-broker]",
                                    "relay NAME [--shutdown] [--through-broker] [--of USER]", NULL};

static const char *const examples[] = {
    "portctl relay \"$id\"",
    "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | portctl relay \"$id\" --shutdown",
    NULL,
};

static const char details[] =
    "Copies standard input to a descriptor that is wrapped for both directions, and\n"
    "its output to standard output, until both have ended, or two seconds after\n"
    "copying standard input has failed. ID is either of the two ports, NAME that of a\n"
    "held descriptor, which needs no ports. With\n"
    "--shutdown the socket is shut down for writing when standard input ends, for\n"
    "everybody who holds it.\n"
    "\n"
    "The bytes go through a copy of the descriptor where the broker hands one over,\n"
    "as with cat and write. Each read from standard input is sent as one datagram,\n"
    "and datagrams have no end of file, only --timeout.\n"
    "\n"
    "In JSON the output is printed as by cat.";

static const char *const words[] = {"@port|@held", NULL};

const struct command command_relay = {
    .name = "relay",
    .summary = "connect standard input and output to a wrap",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .words = words,
    .joins = true,
    .run = run,
};
