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
    HOLD_OPTION_OF,
    {NULL, NULL, NULL, false, NULL},
};

const char *const procedure_words[] = {"fd|socket|hold", "@held", NULL};

struct request {
    struct procedure_target target;
    int mode;
    procedure_call *call;
    procedure_hold_call *hold_call;
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

int procedure_read(const struct invocation *in, const char *kind, const char *number, int *number_kind,
                   portd_native *value) {
    uint64_t read;

    if (strcmp(kind, "fd") != 0 && strcmp(kind, "socket") != 0)
        return failure_usage(&in->output, NULL, "expected 'fd N' or 'socket N', not %s", kind);
    if (number == NULL)
        return failure_usage(&in->output, NULL, "the descriptor number is missing: %s N", kind);
    if (!text_number(number, INT32_MAX, &read))
        return failure_usage(&in->output, NULL, "%s %s: not a descriptor number", kind, number);
    *number_kind = kind[0] == 'f' ? PORTD_FD : PORTD_SOCKET;
    *value = native_number(read);
    return 0;
}

static int read_hold(const struct invocation *in, const char *name, struct holds *holds) {
    int rc;

    if (name == NULL)
        return failure_usage(&in->output, NULL, "the name is missing: hold NAME");
    rc = hold_add(in, holds, name);
    return rc == 0 ? hold_read_owner(in, holds) : rc;
}

int procedure_target(const struct invocation *in, struct procedure_target *target) {
    const char *kind = command_word(in, 0), *text = command_word(in, 1), *rest = command_word(in, 2);
    int rc;

    memset(target, 0, sizeof(*target));
    if (kind == NULL)
        return failure_usage(&in->output, NULL, "expected 'fd N', 'socket N' or 'hold NAME'");
    if (strcmp(kind, "hold") == 0)
        rc = read_hold(in, text, &target->holds);
    else if (strcmp(kind, "fd") != 0 && strcmp(kind, "socket") != 0)
        rc = failure_usage(&in->output, NULL, "expected 'fd N', 'socket N' or 'hold NAME', not %s", kind);
    else
        rc = procedure_read(in, kind, text, &target->number_kind, &target->number);
    if (rc == 0 && rest != NULL)
        rc = failure_usage(&in->output, NULL, "one descriptor at a time: unexpected argument '%s'", rest);
    if (rc == 0 && target->holds.n == 0 && command_option(in, "of") != NULL)
        rc = failure_usage(&in->output, NULL, "--of applies to hold NAME");
    return rc;
}

int procedure_open(const struct invocation *in, portd_native number) {
    if (native_is_open(number))
        return 0;
    return failure_usage(&in->output, "pass it to portctl, see 'portctl help fds'",
                         "descriptor %lld is not open in portctl", (long long)number);
}

static int parse(const struct invocation *in, struct request *request) {
    int rc = procedure_target(in, &request->target);

    if (rc == 0)
        rc = parse_mode(in, command_option(in, "mode"), &request->mode);
    if (rc == 0 && request->mode <= PORTD_MODE_WRITE && request->target.holds.n == 0)
        rc = procedure_open(in, request->target.number);
    return rc;
}

/* Makes the call, with that mode. */
static int ask(const struct invocation *in, portd_client *client, const struct request *request, int mode,
               portd_id *id) {
    const struct procedure_target *target = &request->target;

    if (target->holds.n > 0)
        return request->hold_call(client, hold_owner(&target->holds), target->holds.names[0], mode,
                                  in->deadline, id);
    return request->call(client, target->number, mode, target->number_kind, in->deadline, id);
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
        in->command->name, (long long)request->target.number);
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
    if (request->target.holds.n > 0)
        node_text(object, "hold", request->target.holds.names[0]);
    else
        node_number(object, "number", (uint64_t)request->target.number);
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
    if ((flags & PORTD_RESULT_REPLACED) != 0 && request->target.holds.n == 0)
        output_detail(&in->output, "%lld referred to another open file before",
                      (long long)request->target.number);
}

/* Whether the session has an object for that number or name, in the table that the call uses. */
static bool has_object(const struct invocation *in, const struct request *request,
                       const struct broker *broker) {
    portd_id id = 0;

    return ask(in, broker->client, request, PORTD_MODE_CHECK_READ, &id) > 0 ||
           ask(in, broker->client, request, PORTD_MODE_CHECK_WRITE, &id) > 0;
}

/* The same over an inherited connection, which is for the numbers of one process. */
static int find_inherited(const struct invocation *in, const struct request *request, const uint32_t *pids,
                          size_t n, struct place *place, struct broker *broker) {
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
                            (long long)request->target.number);
    wish.process = pids[0];
    rc = broker_connect(in, &wish, broker);
    if (rc == 0)
        place->found = has_object(in, request, broker);
    return rc;
}

/* For check and remove: connects to the session that has the number, and makes none. A number that is open refers to its
 * outermost holder; for one that is not, each ancestor is tried, the innermost first. If none has it, any session will do. */
static int find_broker(const struct invocation *in, const struct request *request, struct place *place,
                       struct broker *broker) {
    struct broker_wish wish = {.session = BROKER_PROCESS, .deadline = in->deadline};
    uint32_t pids[OWNER_ANCESTORS_MAX];
    struct owner holder = {.holder = 0};
    char message[256];
    size_t n = 0;

    owner_find_holder((int64_t)request->target.number, &holder);
    place->nobody = holder.holder == 0;
    if (holder.holder != 0)
        pids[n++] = holder.holder;
    else if (!native_is_open(request->target.number))
        n = owner_ancestors(pids);
    if (broker_inherited(in) != NULL)
        return find_inherited(in, request, pids, n, place, broker);
    for (size_t i = 0; i < n; i++) {
        wish.process = pids[i];
        if (broker_try(in, &wish, broker, message, sizeof(message)) < 0)
            continue;
        place->found = has_object(in, request, broker);
        if (place->found)
            return 0;
        broker_disconnect(broker);
    }
    return broker_join(in, broker);
}

/* For a name: what is held is found in the joined session. */
static int join(const struct invocation *in, const struct request *request, struct place *place,
                struct broker *broker) {
    int rc = request->mode > PORTD_MODE_WRITE ? broker_join(in, broker)
                                              : broker_make(in, BROKER_NO_NUMBER, broker);

    if (rc == 0 && (rc = hold_check(in, broker->client)) != 0)
        broker_disconnect(broker);
    else if (rc == 0 && request->mode == PORTD_MODE_REMOVE)
        place->found = has_object(in, request, broker);
    return rc;
}

static int connect_for(const struct invocation *in, const struct request *request, struct place *place,
                       struct broker *broker) {
    if (request->target.holds.n > 0)
        return join(in, request, place, broker);
    if (request->mode > PORTD_MODE_WRITE)
        return find_broker(in, request, place, broker);
    return broker_make(in, request->target.number, broker);
}

int procedure_run(const struct invocation *in, procedure_call *call, procedure_hold_call *hold_call) {
    struct request request = {.call = call, .hold_call = hold_call};
    struct place place = {.found = false};
    struct broker broker;
    portd_id id = 0;
    int rc = parse(in, &request);

    if (rc == 0)
        rc = connect_for(in, &request, &place, &broker);
    if (rc != 0)
        return rc;
    rc = ask(in, broker.client, &request, request.mode, &id);
    if (rc < 0) {
        rc = request.target.holds.n > 0 ? hold_fail(in, broker.client, rc, NULL)
                                        : failure_call(&in->output, broker.client, rc);
    } else {
        answer(in, &request, &place, broker.client, rc > 0 ? id : 0);
        rc = rc > 0 || request.mode == PORTD_MODE_REMOVE ? PORTCTL_DONE : PORTCTL_NO;
    }
    broker_disconnect(&broker);
    return rc;
}
