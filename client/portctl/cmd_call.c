/* cmd_call.c: portctl call: any method of the protocol. Only this verb uses the schema.
 *
 * The library finds the broker and joins the session; the request is sent on a second connection in the same session, or on
 * the same one if it is inherited (exchange.c). JSON is converted to the message by means of the schema's descriptors (message.c), so methods that the
 * library and portctl have no code for can be called.
 */
#include "broker.h"
#include "exchange.h"
#include "failure.h"
#include "message.h"
#include "native.h"
#include "program.h"
#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 256 * 1024 };

struct call {
    const struct invocation *in;
    const ProtobufCFieldDescriptor *method;
    ProtobufCMessage *message;
    os_fd attached[FRAME_FDS_MAX];
    size_t n_attached;
    struct program_place places[FRAME_FDS_MAX]; /* for the descriptors of the reply */
    size_t n_places;
    struct exchange exchange;
};

/* ---- methods --------------------------------------------------------------------------------------------- */

/* The methods are the members of the oneof. */
static const ProtobufCFieldDescriptor *find_method(const char *name) {
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(&portd__v1__request__descriptor, name);

    return field != NULL && (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 ? field : NULL;
}

static const char *method_name(size_t i) {
    const ProtobufCMessageDescriptor *request = &portd__v1__request__descriptor;

    for (unsigned k = 0; k < request->n_fields; k++)
        if (find_method(request->fields[k].name) != NULL && i-- == 0)
            return request->fields[k].name;
    return NULL;
}

static int unknown_method(const struct invocation *in, const char *name) {
    const char **names = text_room(portd__v1__request__descriptor.n_fields + 1, sizeof(*names)), *closest;
    char *hint = NULL;
    int rc;

    for (size_t i = 0; method_name(i) != NULL; i++)
        names[i] = method_name(i);
    closest = text_closest(name, names);
    if (closest != NULL)
        hint = text_print("did you mean '%s'?", closest);
    rc = failure_usage(&in->output, hint != NULL ? hint : "'portctl call --list' shows them",
                       "unknown method '%s'", name);
    free(hint);
    free(names);
    return rc;
}

static const struct column columns[] = {
    {"method", COLUMN_PLAIN, false},
    {"takes", COLUMN_PLAIN, false},
    {"answers", COLUMN_PLAIN, false},
    {NULL, COLUMN_PLAIN, false},
};

static void put_members(struct node *object, const char *key, const ProtobufCFieldDescriptor *field) {
    char *members = field != NULL ? message_members(field->descriptor) : text_copy("");

    node_text(object, key, members);
    free(members);
}

static int list_methods(const struct invocation *in) {
    struct node *list = node_list();
    const char *name;

    for (size_t i = 0; (name = method_name(i)) != NULL; i++) {
        const ProtobufCFieldDescriptor *field = find_method(name);
        struct node *object = node_object();

        node_text(object, "method", name);
        put_members(object, "takes", field);
        put_members(object, "answers",
                    protobuf_c_message_descriptor_get_field(&portd__v1__reply__descriptor, field->id));
        node_append(list, object);
    }
    output_table(&in->output, columns, list);
    return PORTCTL_DONE;
}

/* ---- the command line ------------------------------------------------------------------------------------ */

/* Reads standard input to its end, at most INPUT_MAX + 1 bytes. Returns 0, or the exit code of an error that has been printed. */
static int read_input(const struct invocation *in, char *text) {
    size_t n = 0;
    int64_t got = 1;

    while (got > 0 && n <= INPUT_MAX) {
        got = native_read_input(text + n, INPUT_MAX + 1 - n, in->deadline);
        n += got > 0 ? (size_t)got : 0;
    }
    if (got == PORTD_E_TIMEOUT)
        return failure_code(&in->output, PORTD_E_TIMEOUT, NULL, "standard input did not end in time");
    if (got < 0)
        return failure_usage(&in->output, NULL, "cannot read standard input");
    if (n > INPUT_MAX)
        return failure_usage(&in->output, NULL, "standard input is longer than any request");
    return memchr(text, 0, n) == NULL
               ? 0
               : failure_usage(&in->output, NULL, "standard input contains a NUL byte");
}

static int parse_message(struct call *call, const char *word) {
    const struct invocation *in = call->in;
    bool reads = word != NULL && strcmp(word, "-") == 0;
    char *wrong = NULL, *text = reads ? text_room(INPUT_MAX + 1, 1) : text_copy(word == NULL ? "{}" : word);
    int rc = reads ? read_input(in, text) : 0;

    if (rc == 0) {
        call->message = message_parse(call->method->descriptor, text, &wrong);
        if (call->message == NULL)
            rc = failure_usage(&in->output, NULL, "%s", wrong);
    }
    free(text);
    free(wrong);
    return rc;
}

static int parse_number(const struct invocation *in, const char *option, const char *text,
                        portd_native *number) {
    uint64_t value;

    if (!text_number(text, INT32_MAX, &value))
        return failure_usage(&in->output, NULL, "--%s %s: not a descriptor number", option, text);
    *number = (portd_native)value;
    return 0;
}

static int add_attached(struct call *call, const char *text) {
    const struct output *output = &call->in->output;
    portd_native number = -1;
    int rc = parse_number(call->in, "attach", text, &number);

    if (rc != 0)
        return rc;
    number = native_number((uint64_t)number);
    if (!native_is_open(number))
        return failure_usage(output, "pass it to portctl, see 'portctl help fds'",
                             "descriptor %lld is not open in portctl", (long long)number);
    if (call->n_attached == FRAME_FDS_MAX)
        return failure_usage(output, NULL, "a request carries at most %d descriptors", FRAME_FDS_MAX);
    call->attached[call->n_attached++] = (os_fd)number;
    return 0;
}

static int add_place(struct call *call, const char *text) {
    portd_native number = -1;
    int rc = parse_number(call->in, "receive", text, &number);

    if (rc == 0 && program_refusal(number) != NULL)
        rc = failure_code(&call->in->output, PORTD_E_UNSUPPORTED, NULL, "%s", program_refusal(number));
    if (rc != 0)
        return rc;
    for (size_t i = 0; i < call->n_places; i++)
        if (call->places[i].number == number)
            return failure_usage(&call->in->output, NULL, "--receive %s given twice", text);
    if (call->n_places == FRAME_FDS_MAX)
        return failure_usage(&call->in->output, NULL, "a reply carries at most %d descriptors",
                             FRAME_FDS_MAX);
    call->places[call->n_places++] = (struct program_place){-1, number};
    return 0;
}

static int parse_options(struct call *call) {
    const struct invocation *in = call->in;
    bool runs = in->program != NULL && in->program[0] != NULL;
    int rc = 0;

    for (size_t i = 0; i < in->n_arguments && rc == 0; i++) {
        const struct argument *argument = &in->arguments[i];
        const char *name = argument->option != NULL ? argument->option->name : "";

        if (strcmp(name, "attach") == 0)
            rc = add_attached(call, argument->value);
        else if (strcmp(name, "receive") == 0)
            rc = add_place(call, argument->value);
    }
    if (rc == 0 && call->n_places > 0 && !runs)
        rc = failure_usage(&in->output, NULL, "--receive requires a program: -- COMMAND [ARGUMENT]...");
    if (rc == 0 && call->n_places == 0 && in->program != NULL)
        rc = failure_usage(&in->output, NULL, "a program requires --receive");
    return rc;
}

static int parse(struct call *call) {
    const struct invocation *in = call->in;
    const char *name = command_word(in, 0);
    int rc;

    if (name == NULL)
        return failure_usage(&in->output, "'portctl call --list' shows the methods", "the method is missing");
    if (command_words(in) > 2)
        return failure_usage(&in->output, "pass the members of a request as one argument, in JSON",
                             "unexpected argument '%s'", command_word(in, 2));
    rc = failure_columns(&in->output, NULL);
    call->method = find_method(name);
    if (rc == 0 && call->method == NULL)
        rc = unknown_method(in, name);
    if (rc == 0)
        rc = parse_options(call);
    return rc == 0 ? parse_message(call, command_word(in, 1)) : rc;
}

/* ---- the call -------------------------------------------------------------------------------------------- */

static bool is_hello(const struct call *call) { return call->method->id == PORTD__V1__REQUEST__METHOD_HELLO; }

static int tell(const struct call *call, int code) {
    const struct output *output = &call->in->output;
    const Portd__V1__Error *error = call->exchange.reply != NULL ? call->exchange.reply->error : NULL;

    if (error == NULL)
        return failure_code(output, code, NULL, "%s",
                            call->exchange.fault[0] != '\0' ? call->exchange.fault : portd_code_text(code));
    return failure_code(output, code, error->hint, "%s%s%s%s",
                        error->message[0] != '\0' ? error->message : portd_code_text(code),
                        error->field[0] != '\0' ? " (" : "", error->field,
                        error->field[0] != '\0' ? ")" : "");
}

/* Connects for the request, and says hello unless that is the request, or the library has said it. */
static int connect_again(struct call *call, const struct broker *broker) {
    const char *inherited = broker_inherited(call->in);
    int rc;

    if (inherited != NULL && !is_hello(call))
        return exchange_share(&call->exchange, inherited, call->in->deadline);
    rc = exchange_open(&call->exchange, inherited != NULL ? inherited : portd_address(broker->client),
                       call->in->deadline);
    if (rc < 0 || is_hello(call))
        return rc;
    return exchange_hello(&call->exchange, portd_session_token(broker->client), broker->numbers);
}

/* Sends the request and receives the reply. Returns 0, or the exit code of an error that has been printed. */
static int ask(struct call *call, const struct broker *broker) {
    int rc = connect_again(call, broker);

    if (rc > 0)
        rc = exchange_ask(&call->exchange, call->method->id, call->message, call->attached, call->n_attached);
    return rc > 0 ? 0 : tell(call, rc);
}

/* Prints the reply as JSON, with or without --json: no other form fits every message. */
static void answer(const struct call *call) {
    struct output output = call->in->output;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(&portd__v1__reply__descriptor, call->method->id);
    const char *at = (const char *)call->exchange.reply + field->offset;

    if (output_is_text(&output))
        output.format = native_is_terminal(1) ? OUTPUT_PRETTY : OUTPUT_SHORT;
    output_value(&output, "", message_describe(*(const ProtobufCMessage *const *)(const void *)at));
}

/* Returns 0 if the reply has as many descriptors as --receive has numbers, else the exit code. */
static int check_received(struct call *call) {
    size_t n = call->exchange.frame.n_fds;

    if (n == call->n_places)
        return 0;
    if (call->n_places > 0)
        return failure_code(&call->in->output, PORTD_E_MISMATCH, NULL,
                            "the reply has %zu descriptor%s, but --receive expects %zu", n, n == 1 ? "" : "s",
                            call->n_places);
    output_note(&call->in->output, "the reply had %zu descriptor%s: --receive N -- COMMAND passes one on", n,
                n == 1 ? "" : "s");
    return 0;
}

static int answer_all(struct call *call, const struct broker *broker) {
    int rc = check_received(call);

    if (rc != 0)
        return rc;
    if (call->n_places == 0 || !output_is_text(&call->in->output))
        answer(call);
    if (call->n_places == 0)
        return 0;
    rc = fflush(stdout) != 0 ? failure_finish(&call->in->output) : broker_export(call->in, broker);
    for (size_t i = 0; i < call->n_places && rc == 0; i++)
        call->places[i].copy = (portd_native)exchange_take(&call->exchange, i);
    return rc;
}

/* The answer of a wake-one wait is written, and the activity is the caller's. If this cannot be sent, another wait gets it too. */
static void keep_activity(struct call *call) {
    Portd__V1__Goodbye goodbye = PORTD__V1__GOODBYE__INIT;
    const void *message = call->message;
    const Portd__V1__Wait *wait = message;

    if (call->method->id != PORTD__V1__REQUEST__METHOD_WAIT || !wait->one ||
        call->exchange.reply->wait->n_ready == 0 || !output_flush())
        return;
    goodbye.wait = call->exchange.last_id;
    (void)exchange_ask(&call->exchange, PORTD__V1__REQUEST__METHOD_GOODBYE, &goodbye.base, NULL, 0);
}

/* The descriptor number in the request; BROKER_NO_NUMBER: none. */
static int64_t number_of(const struct call *call) {
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(call->message->descriptor, "number");
    int64_t number = BROKER_NO_NUMBER;

    if (field != NULL && field->type == PROTOBUF_C_TYPE_INT64)
        memcpy(&number, (const char *)call->message + field->offset, sizeof(number));
    return number >= 0 && number <= INT32_MAX ? number : BROKER_NO_NUMBER;
}

static int run_call(struct call *call) {
    struct broker_wish wish = {.start = true, .deadline = call->in->deadline};
    struct broker broker = {.client = NULL};
    int rc = parse(call);

    if (rc != 0)
        return rc;
    wish.session = is_hello(call) ? BROKER_ALONE : BROKER_JOIN;
    wish.ownerless = call->n_attached == 0; /* without a descriptor the call makes no object */
    wish.number = number_of(call);
    wish.numbered = wish.number != BROKER_NO_NUMBER;
    if (!is_hello(call) || broker_inherited(call->in) == NULL)
        rc = broker_connect(call->in, &wish, &broker);
    if (rc != 0)
        return rc;
    rc = ask(call, &broker);
    if (rc == 0)
        rc = answer_all(call, &broker);
    if (rc == 0)
        keep_activity(call);
    exchange_close(&call->exchange);
    broker_disconnect(&broker);
    if (rc == 0 && call->n_places > 0)
        rc = program_become(&call->in->output, call->in->program, call->places, call->n_places);
    return rc;
}

static int run(const struct invocation *in) {
    struct call *call;
    int rc;

    if (command_option(in, "list") != NULL) {
        if (in->n_arguments > 1 || in->program != NULL)
            return failure_usage(&in->output, NULL, "--list takes no other arguments");
        return list_methods(in);
    }
    call = text_room(1, sizeof(*call));
    call->in = in;
    rc = run_call(call);
    if (call->message != NULL)
        protobuf_c_message_free_unpacked(call->message, NULL);
    free(call);
    return rc;
}

/* ---- the verb -------------------------------------------------------------------------------------------- */

static const struct option_row options[] = {
    {"attach", "N", "attach descriptor N; may be repeated", true, NULL},
    {"receive", "N", "pass a descriptor of the reply on as N", true, NULL},
    {"list", NULL, "list the methods, their requests and replies", false, NULL},
    {NULL, NULL, NULL, false, NULL},
};

static const char *const usage[] = {
    "call METHOD [JSON | -] [--attach N]...",
    "call METHOD [JSON | -] [--attach N]... --receive N... -- COMMAND [ARGUMENT]...",
    "call --list",
    NULL,
};

static const char *const examples[] = {
    "portctl call wait '{\"ids\": ['\"$id\"'], \"limit_us\": 5000000}'",
    "portctl call file_descriptor_to_semaphore '{\"number\": 5, \"mode\": \"MODE_READ\"}' --attach 5 "
    "5<&\"$fd\"",
    "portctl call handle '{\"id\": '\"$id\"'}' --receive 3 -- ./event-loop",
    "portctl call list '{\"kind\": \"KIND_PORT\"}' | jq '.items[].name'",
    NULL,
};

static const char details[] =
    "Sends one protocol request in the session of the owner and prints the reply as\n"
    "JSON. Use it for methods without a verb, for experiments and for bug reports.\n"
    "The messages are defined in proto/portd.proto.\n"
    "\n"
    "JSON is an object with the members of the request; '-' reads it from standard\n"
    "input; the default is no members. Enums are names or numbers, bytes are base64,\n"
    "integers may be strings (in replies they are strings from 2^53 on). Unknown\n"
    "members are refused. A reply has every member; an absent message is null.\n"
    "\n"
    "--attach   attach a descriptor to the request; several are sent in this order\n"
    "--receive  run a program in place of portctl, as 'portctl exec' does, with the\n"
    "           descriptors of the reply under these numbers. The reply is then\n"
    "           printed with --json only. Without a program they are closed\n"
    "\n"
    "'call hello' joins the session that its JSON names, and no other.";

static const char *const words[] = {"@own", NULL};

const struct command command_call = {
    .name = "call",
    .summary = "send any request of the protocol, in JSON",
    .usage = usage,
    .details = details,
    .options = options,
    .columns = columns,
    .examples = examples,
    .words = words,
    .own_word = method_name,
    .runs = true,
    .joins = true,
    .run = run,
};
