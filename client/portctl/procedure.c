/* procedure.c: the common part of the verbs semaphore and evt: "fd N --mode M", one call, one id.
 *
 * N is the number of a descriptor that portctl has inherited, and its key in the session: a later "check-read N" finds the
 * same object. Only read and write send the descriptor, so only they need it to be open.
 */
#include "procedure.h"

#include "broker.h"
#include "failure.h"
#include "native.h"
#include "text.h"

#include <string.h>

const struct option_row procedure_options[] = {
    {"mode", "MODE", "read, write, check-read, check-write or remove", false,
     "read|write|check-read|check-write|remove"},
    {NULL, NULL, NULL, false, NULL},
};

const char *const procedure_words[] = {"fd|socket", NULL};

struct request {
    int number_kind;
    portd_native number;
    int mode;
};

static int parse_mode(const struct invocation *in, const char *text, int *mode) {
    static const char *const names[] = {
        [0] = "",
        [PORTD_MODE_READ] = "read",
        [PORTD_MODE_WRITE] = "write",
        [PORTD_MODE_CHECK_READ] = "check-read",
        [PORTD_MODE_CHECK_WRITE] = "check-write",
        [PORTD_MODE_REMOVE] = "remove",
    };

    if (text == NULL)
        return failure_usage(&in->output, NULL,
                             "--mode is missing: read, write, check-read, check-write or remove");
    for (int i = PORTD_MODE_READ; i <= PORTD_MODE_REMOVE; i++)
        if (strcmp(names[i], text) == 0) {
            *mode = i;
            return 0;
        }
    return failure_usage(&in->output, "the modes are read, write, check-read, check-write and remove",
                         "--mode %s: unknown mode", text);
}

int procedure_number(const struct invocation *in, int *number_kind, portd_native *number) {
    const char *kind = command_word(in, 0), *text = command_word(in, 1), *rest = command_word(in, 2);
    uint64_t value;

    if (kind == NULL || (strcmp(kind, "fd") != 0 && strcmp(kind, "socket") != 0))
        return failure_usage(&in->output, NULL, "expected 'fd N' or 'socket N'%s%s",
                             kind != NULL ? ", not " : "", kind != NULL ? kind : "");
    if (text == NULL)
        return failure_usage(&in->output, NULL, "the descriptor number is missing: %s N", kind);
    if (!text_number(text, INT32_MAX, &value))
        return failure_usage(&in->output, NULL, "%s %s: not a descriptor number", kind, text);
    if (rest != NULL)
        return failure_usage(&in->output, NULL, "one descriptor at a time: unexpected argument '%s'", rest);
    *number_kind = kind[0] == 'f' ? PORTD_FD : PORTD_SOCKET;
    *number = native_number(value);
    return 0;
}

int procedure_open(const struct invocation *in, portd_native number) {
    if (native_is_open(number))
        return 0;
    return failure_usage(&in->output, "pass it to portctl, see 'portctl help fds'",
                         "descriptor %lld is not open in portctl", (long long)number);
}

static int parse(const struct invocation *in, struct request *request) {
    int rc = procedure_number(in, &request->number_kind, &request->number);

    if (rc == 0)
        rc = parse_mode(in, command_option(in, "mode"), &request->mode);
    if (rc == 0 && request->mode <= PORTD_MODE_WRITE)
        rc = procedure_open(in, request->number);
    return rc;
}

/* Which process's object a check or remove refers to. */
struct place {
    bool found;  /* the session has an object for the number */
    bool nobody; /* no process around portctl has the number open */
};

/* For a remove that found nothing and cannot have: the answer is the same as that of one that did. */
static void tell_nothing_removed(const struct invocation *in, const struct request *request) {
    output_note(
        &in->output,
        "nothing was removed: no process around portctl has a registered %s for descriptor %lld; what "
        "was made for a number of portctl's alone is removed by its id: portctl remove ID",
        in->command->name, (long long)request->number);
}

static void answer(const struct invocation *in, const struct request *request, const struct place *place,
                   const portd_client *client, portd_id id) {
    struct node *object = node_object();
    unsigned flags = portd_last_flags(client);
    bool unsupported = id == 0 && (flags & PORTD_RESULT_UNSUPPORTED) != 0;

    if (id != 0)
        node_number(object, "id", id);
    else
        node_null(object, "id");
    node_number(object, "number", (uint64_t)request->number);
    if (request->mode == PORTD_MODE_READ || request->mode == PORTD_MODE_WRITE) {
        node_flag(object, "created", (flags & PORTD_RESULT_CREATED) != 0);
        node_flag(object, "replaced", (flags & PORTD_RESULT_REPLACED) != 0);
    }
    if (request->mode == PORTD_MODE_REMOVE)
        node_flag(object, "found", place->found);
    node_flag(object, "unsupported", unsupported);
    if (unsupported)
        node_text(object, "reason", portd_last_error(client));
    output_value(&in->output, "id", object);
    if (unsupported && output_is_text(&in->output))
        output_note(&in->output, "none: %s", portd_last_error(client));
    if (request->mode == PORTD_MODE_REMOVE && !place->found && place->nobody)
        tell_nothing_removed(in, request);
    if ((flags & PORTD_RESULT_REPLACED) != 0)
        output_detail(&in->output, "%lld referred to another open file before", (long long)request->number);
}

/* Whether the session has an object for that number, in the table that the call uses. */
static bool has_number(const struct invocation *in, const struct request *request, procedure_call *call,
                       const struct broker *broker) {
    portd_id id = 0;
    int kind = request->number_kind;

    return call(broker->client, request->number, PORTD_MODE_CHECK_READ, kind, in->deadline, &id) > 0 ||
           call(broker->client, request->number, PORTD_MODE_CHECK_WRITE, kind, in->deadline, &id) > 0;
}

/* The same over an inherited connection, which is for the numbers of one process. */
static int find_inherited(const struct invocation *in, const struct request *request, procedure_call *call,
                          const uint32_t *pids, size_t n, struct place *place, struct broker *broker) {
    struct broker_wish wish = {.session = BROKER_PROCESS, .deadline = in->deadline};
    int rc;

    if (n == 0)
        return broker_join(in, broker);
    if (n > 1)
        return failure_code(&in->output, PORTD_E_UNSUPPORTED,
                            "pass the descriptor to portctl, or use the broker's path",
                            "descriptor %lld is not open in portctl: it would have to be looked up in each "
                            "process around it, "
                            "and an inherited connection can look it up in one",
                            (long long)request->number);
    wish.process = pids[0];
    rc = broker_connect(in, &wish, broker);
    if (rc == 0)
        place->found = has_number(in, request, call, broker);
    return rc;
}

/* For check and remove: connects to the session that has the number, and makes none. A number that is open refers to its
 * outermost holder; for one that is not, each ancestor is tried, the innermost first. If none has it, any session will do. */
static int find_broker(const struct invocation *in, const struct request *request, procedure_call *call,
                       struct place *place, struct broker *broker) {
    struct broker_wish wish = {.session = BROKER_PROCESS, .deadline = in->deadline};
    uint32_t pids[OWNER_ANCESTORS_MAX];
    struct owner holder = {.holder = 0};
    char message[256];
    size_t n = 0;

    owner_find_holder((int64_t)request->number, &holder);
    place->nobody = holder.holder == 0;
    if (holder.holder != 0)
        pids[n++] = holder.holder;
    else if (!native_is_open(request->number))
        n = owner_ancestors(pids);
    if (broker_inherited(in) != NULL)
        return find_inherited(in, request, call, pids, n, place, broker);
    for (size_t i = 0; i < n; i++) {
        wish.process = pids[i];
        if (broker_try(in, &wish, broker, message, sizeof(message)) < 0)
            continue;
        place->found = has_number(in, request, call, broker);
        if (place->found)
            return 0;
        broker_disconnect(broker);
    }
    return broker_join(in, broker);
}

int procedure_run(const struct invocation *in, procedure_call *call) {
    struct request request;
    struct place place = {.found = false};
    struct broker broker;
    portd_id id = 0;
    int rc = parse(in, &request);

    if (rc != 0)
        return rc;
    if (request.mode > PORTD_MODE_WRITE)
        rc = find_broker(in, &request, call, &place, &broker);
    else
        rc = broker_make(in, request.number, &broker);
    if (rc != 0)
        return rc;
    rc = call(broker.client, request.number, request.mode, request.number_kind, in->deadline, &id);
    if (rc < 0) {
        rc = failure_call(&in->output, broker.client, rc);
    } else {
        answer(in, &request, &place, broker.client, rc > 0 ? id : 0);
        rc = rc > 0 || request.mode == PORTD_MODE_REMOVE ? PORTCTL_DONE : PORTCTL_NO;
    }
    broker_disconnect(&broker);
    return rc;
}
