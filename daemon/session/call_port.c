/* call_port.c: unsafe-file-descriptor->port, unsafe-socket->port, unsafe-port->file-descriptor, unsafe-port->socket; and
 * close. */
#include "call.h"
#include "connection.h"
#include "creating.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/object/direction.h"
#include "daemon/object/hold.h"
#include "daemon/object/notice_object.h"
#include "daemon/object/port.h"
#include "dispatch.h"
#include "hold_name.h"
#include "holding.h"
#include "passing.h"
#include "pending_close.h"
#include "session.h"
#include "target.h"

#include <inttypes.h>
#include <string.h>

static int check(struct call *call, int64_t number, const char *name, bool held) {
    if (!number_is_valid(number))
        return refusal_set(&call->refusal, REFUSAL_INVALID, "number", NULL,
                           "%" PRId64 " is not a valid descriptor number", number);
    if (strlen(name) > PORT_NAME_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "name", NULL,
                           "a port name is limited to 255 bytes");
    if (held && number)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "hold", NULL, "a hold excludes a number");
    if (held != (call->fd == OS_FD_NONE))
        return refusal_set(&call->refusal, REFUSAL_MISMATCH, "number", NULL,
                           held ? "with a hold no descriptor is attached" : "no descriptor attached");
    return 0;
}

static int make(const struct creating *creating, struct binding *binding,
                const struct thread_watch_try *tried, int ended, union creating_result *result,
                struct refusal *refusal) {
    Portd__V1__Ports *ports = &result->ports;
    struct port *made[2];
    (void)tried, (void)ended; /* a port needs no probe */
    if (port_open(binding, creating->options, made, refusal))
        return -1;
    portd__v1__ports__init(ports);
    ports->descriptor = bound_descriptor(binding)->id;
    if (made[DIRECTION_READ])
        ports->input = made[DIRECTION_READ]->waitable.object.id;
    if (made[DIRECTION_WRITE])
        ports->output = made[DIRECTION_WRITE]->waitable.object.id;
    ports->replaced = creating->replaced;
    ports->undo = 1; /* each port is returned by one call */
    return 0;
}

/* Reading and writing are two rights. */
static struct hold *find_held(struct call *call, const char *owner, const char *name,
                              const struct port_options *options) {
    struct held *held = NULL;
    if (options->ends[DIRECTION_READ] && !(held = hold_name_find(call, owner, name, RIGHT_READ)))
        return NULL;
    if (options->ends[DIRECTION_WRITE] && !(held = hold_name_find(call, owner, name, RIGHT_WRITE)))
        return NULL;
    if (held && held->spool && options->ends[DIRECTION_READ]) {
        (void)refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "read", "read it by read_spool",
                          "\"%.100s\" has a spool, which takes what comes", name);
        return NULL;
    }
    if (held)
        return &held->hold;
    (void)refusal_set(&call->refusal, REFUSAL_INVALID, "read", NULL,
                      "neither reading nor writing is asked for");
    return NULL;
}

static int wrap(struct call *call, int64_t number, const char *owner, const char *name,
                const struct port_options *options, Portd__V1__Reply__ResultCase result) {
    struct creating creating = {.make = make,
                                .options = options,
                                .number = number,
                                .result = result,
                                .kind = OBJECT_PORT,
                                .objects =
                                    (uint8_t)(options->ends[DIRECTION_READ] + options->ends[DIRECTION_WRITE]),
                                .socket = options->socket};
    if (check(call, number, options->name, *name))
        return -1;
    if (*name) {
        creating.hold = find_held(call, owner, name, options);
        if (!creating.hold)
            return -1;
    }
    os_fd fd = *name ? bound_descriptor(creating.hold->binding)->fd : call->fd;
    if (port_check(fd, inspect_type_of(fd, call->connection->user->uid), options, &call->refusal))
        return -1;
    return creating_start(call, &creating);
}

int call_file_descriptor_to_port(struct call *call) {
    const Portd__V1__WrapFileDescriptor *message = call->request->file_descriptor_to_port;
    const struct port_options options = {.name = message->name,
                                         .ends = {message->read, message->write},
                                         .regular = message->regular_file,
                                         .text = message->text};
    return wrap(call, message->number, message->hold_owner, message->hold, &options,
                PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_PORT);
}

/* The client handles no_close: it concerns the client's own descriptor; the broker closes only its copy. */
int call_socket_to_port(struct call *call) {
    const Portd__V1__WrapSocket *message = call->request->socket_to_port;
    const struct port_options options = {.name = message->name, .ends = {true, true}, .socket = true};
    return wrap(call, message->number, message->hold_owner, message->hold, &options,
                PORTD__V1__REPLY__RESULT_SOCKET_TO_PORT);
}

static int answer_number(struct call *call, bool socket, Portd__V1__Reply__ResultCase result) {
    const struct port *port = target_port(call, call->request->port_to_socket->id, -1);
    Portd__V1__NumberOf number = PORTD__V1__NUMBER_OF__INIT;
    if (!port)
        return -1;
    /* The number is meaningful only in the session that wrapped it. */
    number.found = (port->socket || !socket) &&
                   port->waitable.object.owner == &call->session->session_objects &&
                   session_objects_number(port->waitable.object.owner, waitable_key(&port->waitable)) >= 0;
    number.number = number.found ? waitable_number(&port->waitable) : 0;
    return call_answer(call, result, &number);
}

int call_port_to_file_descriptor(struct call *call) {
    return answer_number(call, false, PORTD__V1__REPLY__RESULT_PORT_TO_FILE_DESCRIPTOR);
}

int call_port_to_socket(struct call *call) {
    return answer_number(call, true, PORTD__V1__REPLY__RESULT_PORT_TO_SOCKET);
}

int call_port_dup(struct call *call) {
    const struct port *port = target_port(call, call->request->port_dup->id, -1);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    if (!port)
        return -1;
    struct hold *hold = hold_of(waitable_source(&port->waitable));
    if (hold && hold_name_may(call, hold->owner, hold->name, RIGHT_GET)) /* as if it were got by its name */
        return -1;
    if (hold && held_of(hold)->spool)
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "id", "get it by its name, with raw",
                           "\"%.100s\" has a spool", hold->name);
    /* The copy stays in the channel if the client does not read. */
    if (!limit_may_keep(call->connection->user, 1, 1))
        return holders_refuse_table(call->connection->user, &call->refusal);
    if (passing_check(call->connection, 1, &call->refusal))
        return -1;
    reply.id = call->request->id;
    reply.result_case = PORTD__V1__REPLY__RESULT_PORT_DUP;
    reply.port_dup = &done;
    if (!connection_reply_fd(call->connection, &reply, waitable_source(&port->waitable)->fd))
        return 0;
    notice_object_passed(&port->waitable);
    if (hold)
        given_add(&held_of(hold)->given, call->connection->peer.uid, call->connection->peer.pid);
    return 0;
}

int call_close(struct call *call) {
    uint64_t id = call->request->close->id;
    struct waitable *waitable = target_find(call, id);
    bool port = object_kind_of(id) == OBJECT_PORT;
    struct descriptor *descriptor;
    struct pending_close *pending;
    if (!port || !waitable)
        return target_refuse(call, "id", id);
    /* Closing a port that is closed already waits for the copy of its number, if that is still being closed. */
    descriptor = waitable_source(waitable);
    if (!descriptor) {
        const struct binding *binding = binding_find(waitable->object.owner, waitable_key(waitable));
        descriptor = binding ? bound_descriptor(binding) : NULL;
    }
    pending = pending_close_new(call, descriptor, PORTD__V1__REPLY__RESULT_CLOSE);
    if (!pending)
        return -1;
    port_close((struct port *)waitable);
    return pending_close_answer(call, pending);
}
