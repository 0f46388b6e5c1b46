/* cmd_wrap.c: portctl wrap, for unsafe-file-descriptor->port and unsafe-socket->port. */
#include "broker.h"
#include "failure.h"
#include "procedure.h"

#include <string.h>

struct wrap {
    struct procedure_target target;
    unsigned flags;
    portd_id input, output;
};

static const struct mode {
    const char *name;
    unsigned flag;
    int number_kind;
} modes[] = {
    {"read", PORTD_READ, PORTD_FD},
    {"write", PORTD_WRITE, PORTD_FD},
    {"text", PORTD_TEXT, PORTD_FD},
    {"regular-file", PORTD_REGULAR_FILE, PORTD_FD},
    {"no-close", PORTD_NO_CLOSE, PORTD_SOCKET},
};

/* The flag for a mode; 0: there is no such mode. */
static unsigned find_mode(const char *text, size_t length, int number_kind) {
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (modes[i].number_kind == number_kind && strlen(modes[i].name) == length &&
            memcmp(modes[i].name, text, length) == 0)
            return modes[i].flag;
    return 0;
}

static bool is_socket(const struct wrap *wrap) {
    return wrap->target.holds.n == 0 && wrap->target.number_kind == PORTD_SOCKET;
}

static int parse_modes(const struct invocation *in, struct wrap *wrap) {
    const char *list = command_option(in, "mode"), *at = list;

    while (at != NULL) {
        size_t length = strcspn(at, ",");
        unsigned flag = find_mode(at, length, is_socket(wrap) ? PORTD_SOCKET : PORTD_FD);

        if (flag == 0)
            return failure_usage(&in->output,
                                 is_socket(wrap)
                                     ? "a socket is always wrapped for both; its only mode is no-close"
                                     : "the modes are read, write, text and regular-file",
                                 "--mode %s: unknown mode: '%.*s'", list, (int)length, at);
        wrap->flags |= flag;
        at = at[length] == ',' ? at + length + 1 : NULL;
    }
    if (!is_socket(wrap) && (wrap->flags & (PORTD_READ | PORTD_WRITE)) == 0)
        return failure_usage(&in->output, NULL, "--mode %s: read, write, or read,write",
                             list == NULL ? "is missing" : "needs a direction");
    return 0;
}

static int parse(const struct invocation *in, struct wrap *wrap) {
    int rc = procedure_target(in, &wrap->target);

    if (rc == 0)
        rc = parse_modes(in, wrap);
    if (rc == 0 && wrap->target.holds.n > 0 && command_option(in, "name") != NULL)
        rc = failure_usage(&in->output, NULL, "--name: the ports of what is held have its name");
    return rc != 0 || wrap->target.holds.n > 0 ? rc : procedure_open(in, wrap->target.number);
}

/* Makes the wrap. Returns the number of ports, or PORTD_E_*. */
static int call(const struct invocation *in, portd_client *client, struct wrap *wrap) {
    const struct procedure_target *target = &wrap->target;
    const char *name = command_option(in, "name");

    if (target->holds.n > 0)
        return portd_hold_to_port(client, hold_owner(&target->holds), target->holds.names[0], wrap->flags,
                                  in->deadline, &wrap->input, &wrap->output);
    if (is_socket(wrap))
        return portd_socket_to_port(client, target->number, name, wrap->flags, in->deadline, &wrap->input,
                                    &wrap->output);
    return portd_fd_to_port(client, target->number, name, wrap->flags, in->deadline, &wrap->input,
                            &wrap->output);
}

static int fail(const struct invocation *in, const portd_client *client, const struct wrap *wrap, int code) {
    return wrap->target.holds.n > 0 ? hold_fail(in, client, code, NULL)
                                    : failure_call(&in->output, client, code);
}

static int connect_for(const struct invocation *in, const struct wrap *wrap, struct broker *broker) {
    bool named = wrap->target.holds.n > 0;
    int rc = broker_make(in, named ? BROKER_NO_NUMBER : (int64_t)wrap->target.number, broker);

    if (rc == 0 && named && (rc = hold_check(in, broker->client)) != 0)
        broker_disconnect(broker);
    return rc;
}

static void put_port(const struct invocation *in, struct node *object, const char *key, portd_id id) {
    if (id == 0) {
        node_null(object, key);
        return;
    }
    node_number(object, key, id);
    if (output_is_text(&in->output)) {
        struct node *line = node_object();

        node_number(line, "id", id);
        output_value(&in->output, "id", line);
    }
}

static void answer(const struct invocation *in, const portd_client *client, const struct wrap *wrap) {
    struct node *object = node_object();
    bool replaced = (portd_last_flags(client) & PORTD_RESULT_REPLACED) != 0;

    put_port(in, object, "input", wrap->input);
    put_port(in, object, "output", wrap->output);
    if (wrap->target.holds.n > 0)
        node_text(object, "hold", wrap->target.holds.names[0]);
    else
        node_number(object, "number", (uint64_t)wrap->target.number);
    node_flag(object, "replaced", replaced);
    output_value(&in->output, "", object);
    if (replaced)
        output_detail(&in->output, "%lld referred to another open file before",
                      (long long)wrap->target.number);
}

static int run(const struct invocation *in) {
    struct wrap wrap = {0};
    struct broker broker;
    int rc = parse(in, &wrap);

    if (rc == 0)
        rc = connect_for(in, &wrap, &broker);
    if (rc != 0)
        return rc;
    rc = call(in, broker.client, &wrap);
    if (rc < 0) {
        rc = fail(in, broker.client, &wrap, rc);
    } else {
        answer(in, broker.client, &wrap);
        rc = PORTCTL_DONE;
    }
    broker_disconnect(&broker);
    return rc;
}

static const struct option_row options[] = {
    {"mode", "MODE", "fd: read,write,text,regular-file; socket: no-close", false,
     ",read|write|text|regular-file|no-close"},
    {"name", "TEXT", "shown in listings; at most 255 bytes", false, NULL},
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "wrap fd N --mode MODE[,MODE]... [--name TEXT]",
    "wrap socket N [--mode no-close] [--name TEXT]",
    "wrap hold NAME --mode MODE[,MODE]... [--of USER]",
    NULL,
};

static const char *const examples[] = {
    "id=$(portctl wrap fd 5 --mode read --name log 5<&\"$fd\")",
    "{ read -r in; read -r out; } < <(portctl wrap socket 5 5<&\"$connection\")",
    "portctl wrap hold web --mode read,write",
    "portctl wrap fd 0 --mode read,regular-file <file",
    NULL,
};

static const char details[] =
    "Hands the broker a copy of descriptor N and makes ports from it: an input port\n"
    "for reading, an output port for writing; a socket gets both. Their ids are\n"
    "printed one per line, input first. The ports live until they are closed or the\n"
    "session ends, even if N is reused; N can be wrapped again.\n"
    "\n"
    "read, write   the directions; N must be open for them\n"
    "text          on Windows cat, write and relay translate line ends (CR LF outside,\n"
    "              LF inside) and go through the broker; no meaning elsewhere\n"
    "regular-file  require a regular file\n"
    "no-close      closing the ports leaves the caller's socket open; portctl never\n"
    "              closes it in any case\n"
    "\n"
    "hold NAME is what 'portctl put' has had held, a socket too: the ports end with\n"
    "it, and have its name.\n"
    "\n"
    "Close the ports to let the other end see end of file: closing N is not enough.";

const struct command command_wrap = {
    .name = "wrap",
    .summary = "make ports from a descriptor or a socket",
    .usage = usage,
    .details = details,
    .options = options,
    .examples = examples,
    .words = procedure_words,
    .joins = true,
    .run = run,
};
