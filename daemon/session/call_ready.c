/* call_ready.c: unsafe-file-descriptor->semaphore, unsafe-socket->semaphore, unsafe-fd->evt; remove and release. */
#include "connection.h"
#include "creating.h"
#include "daemon/object/binding.h"
#include "daemon/object/bound.h"
#include "daemon/object/cause.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/evt.h"
#include "daemon/object/hold.h"
#include "daemon/object/registry.h"
#include "daemon/object/semaphore.h"
#include "daemon/object/session_objects.h"
#include "daemon/object/subscribers.h"
#include "daemon/object/waitable.h"
#include "dispatch.h"
#include "hold_name.h"
#include "holding.h"
#include "inflight.h"
#include "pending_close.h"
#include "proto/frame.h"
#include "session.h"
#include "target.h"

#include <inttypes.h>

/* The arguments of one of the three calls. */
struct procedure {
    enum object_kind kind;
    int64_t number;
    Portd__V1__Mode mode;
    Portd__V1__Reply__ResultCase result;
    bool apart;                    /* the number is in the system's table of sockets */
    const char *hold, *hold_owner; /* the name of a hold instead of a number; "": none */
};

/* Ends both directions of the number in that kind's table; answers when the copy is closed. ended: an object of the number that has ended, and
 * stands for what was registered then; or NULL. */
static int remove_number(struct call *call, struct binding *binding, enum object_kind kind,
                         const struct waitable *ended, Portd__V1__Reply__ResultCase result) {
    struct descriptor *descriptor = binding ? bound_descriptor(binding) : NULL;
    struct pending_close *pending = pending_close_new(call, descriptor, result);
    if (!pending)
        return -1;
    if (descriptor && !descriptor_is_closing(descriptor)) {
        if (ended)
            subscribers_end_first(binding, kind, ended->ended_at, CAUSE_REMOVED);
        else
            subscribers_end(binding, kind, kind, CAUSE_REMOVED);
    }
    return pending_close_answer(call, pending);
}

/* The binding that the object is or was registered in. NULL: the number names nothing now, or was bound again since the object ended. */
static struct binding *binding_of(const struct waitable *waitable) {
    const struct object *object = &waitable->object;
    struct binding *binding = binding_find(object->owner, waitable_key(waitable));
    if (binding && waitable->ended &&
        registry_number(object->owner->registry, binding->object.id) >= waitable->ended_at)
        return NULL;
    return binding;
}

int call_remove(struct call *call) {
    uint64_t id = call->request->remove->id;
    struct waitable *waitable = target_find(call, id);
    Portd__V1__Reply__ResultCase result = PORTD__V1__REPLY__RESULT_REMOVE;
    if (waitable && object_kind_of(id) == OBJECT_PORT)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "id", "close it",
                           "ports are closed, not removed");
    if (!waitable)
        return target_refuse(call, "id", id);
    return remove_number(call, binding_of(waitable), object_kind_of(id), waitable->ended ? waitable : NULL,
                         result);
}

/* Undoes the create call that returned it. The semaphores of a port's number stay: nobody has closed the port. */
static void undo_create(struct waitable *waitable, uint32_t undo) {
    struct descriptor *descriptor = waitable_source(waitable);
    waitable_undo_create(waitable, undo);
    if (descriptor)
        descriptor_update(descriptor);
}

int call_release(struct call *call) {
    const Portd__V1__Release *release = call->request->release;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    if (release->n_ids < 1 || release->n_ids > FRAME_TARGETS_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "ids", NULL, "expected 1 to 256 ids, got %zu",
                           release->n_ids);
    for (size_t i = 0; i < release->n_ids; i++)
        if (!target_find(call, release->ids[i]))
            return target_refuse(call, "ids", release->ids[i]);
    for (size_t i = 0; i < release->n_ids; i++) {
        struct waitable *waitable = target_find(call, release->ids[i]);
        if (waitable && release->undo)
            undo_create(waitable, release->undo);
        else if (waitable)
            waitable_release(waitable);
    }
    return call_answer(call, PORTD__V1__REPLY__RESULT_RELEASE, &done);
}

static int check(struct call *call, const struct procedure *procedure) {
    bool create =
        procedure->mode == PORTD__V1__MODE__MODE_READ || procedure->mode == PORTD__V1__MODE__MODE_WRITE;
    if (procedure->mode < PORTD__V1__MODE__MODE_READ || procedure->mode > PORTD__V1__MODE__MODE_REMOVE)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "mode",
                           "one of read, write, check-read, check-write, remove", "invalid mode %d",
                           (int)procedure->mode);
    if (!number_is_valid(procedure->number))
        return refusal_set(&call->refusal, REFUSAL_INVALID, "number", NULL,
                           "%" PRId64 " is not a valid descriptor number", procedure->number);
    if (*procedure->hold && procedure->number)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "hold", NULL, "a hold excludes a number");
    if ((create && !*procedure->hold) != (call->fd != OS_FD_NONE))
        return refusal_set(&call->refusal, REFUSAL_MISMATCH, "mode", NULL,
                           create ? "modes read and write require an attached descriptor"
                                  : "this mode takes no descriptor");
    return 0;
}

static void describe(Portd__V1__Object *object, const struct waitable *waitable, bool created) {
    object->id = waitable->object.id;
    object->created = created;
    object->descriptor = waitable_source(waitable) ? waitable_source(waitable)->id : 0;
}

static void describe_unsupported(Portd__V1__Object *object, bool semaphore, int error) {
    static char always[] = "the kernel does not poll this type of descriptor: it is always ready";
    static char circle[] = "the epoll descriptor contains the broker's own, or is nested too deeply";
    static char takes[] =
        "the epoll descriptor watches a file of /proc, or one for EPOLLPRI that may be such a file: a poll "
        "by the "
        "broker would take its notification from the program; watch that file in the program alone";
    static char silent[] = "the system does not tell when this type of descriptor is ready in that direction";
    object->unsupported = true;
    object->reason = always;
    if (error == (semaphore ? (int)SEMAPHORE_E_CYCLE : (int)EVT_E_CYCLE))
        object->reason = circle;
    else if (error == (semaphore ? (int)SEMAPHORE_E_TAKES : (int)EVT_E_TAKES))
        object->reason = takes;
    else if (error == (semaphore ? (int)SEMAPHORE_E_SILENT : (int)EVT_E_SILENT))
        object->reason = silent;
}

static int make(const struct creating *creating, struct binding *binding,
                const struct thread_watch_try *tried, int ended, union creating_result *result,
                struct refusal *refusal) {
    Portd__V1__Object *object = &result->object;
    struct waitable *waitable;
    bool created, semaphore = creating->kind == OBJECT_SEMAPHORE;
    int error = semaphore ? semaphore_open(binding, creating->direction, tried, &waitable, &created, refusal)
                          : evt_open(binding, creating->direction, tried, &waitable, &created, refusal);
    if (error < 0)
        return -1;
    portd__v1__object__init(object);
    object->replaced = creating->replaced;
    if (error) {
        describe_unsupported(object, semaphore, error);
        return 0;
    }
    if (created && ended)
        waitable_end(waitable, ended);
    describe(object, waitable, created);
    object->undo = waitable_count_create(waitable);
    return 0;
}

static int create(struct call *call, const struct procedure *procedure, struct hold *hold, int direction) {
    struct creating creating = {.make = make,
                                .number = procedure->number,
                                .hold = hold,
                                .result = procedure->result,
                                .kind = procedure->kind,
                                .direction = (uint8_t)direction,
                                .objects = 1,
                                .socket = procedure->apart};
    return creating_start(call, &creating);
}

static struct binding *find(const struct call *call, const struct procedure *procedure,
                            const struct hold *hold) {
    if (hold)
        return hold_binding(hold, &call->session->session_objects);
    return binding_find(&call->session->session_objects,
                        connection_key(call->connection, procedure->number, procedure->apart));
}

static int look_up(struct call *call, const struct procedure *procedure, const struct hold *hold,
                   int direction) {
    const struct binding *binding = find(call, procedure, hold);
    Portd__V1__Object object = PORTD__V1__OBJECT__INIT;
    const struct waitable *waitable = binding ? waitable_find(binding, procedure->kind, direction) : NULL;
    if (waitable)
        describe(&object, waitable, false);
    return call_answer(call, procedure->result, &object);
}

static int call_procedure(struct call *call, const struct procedure *procedure) {
    struct held *held = NULL;
    if (check(call, procedure))
        return -1;
    if (*procedure->hold) {
        held = hold_name_find(call, procedure->hold_owner, procedure->hold, RIGHT_WATCH);
        if (!held)
            return -1;
    }
    struct hold *hold = held ? &held->hold : NULL;
    switch (procedure->mode) {
    case PORTD__V1__MODE__MODE_READ:
        return create(call, procedure, hold, DIRECTION_READ);
    case PORTD__V1__MODE__MODE_WRITE:
        return create(call, procedure, hold, DIRECTION_WRITE);
    case PORTD__V1__MODE__MODE_CHECK_READ:
        return look_up(call, procedure, hold, DIRECTION_READ);
    case PORTD__V1__MODE__MODE_CHECK_WRITE:
        return look_up(call, procedure, hold, DIRECTION_WRITE);
    default:
        return remove_number(call, find(call, procedure, hold), procedure->kind, NULL, procedure->result);
    }
}

int call_file_descriptor_to_semaphore(struct call *call) {
    const Portd__V1__Descriptor *message = call->request->file_descriptor_to_semaphore;
    return call_procedure(call, &(struct procedure){OBJECT_SEMAPHORE, message->number, message->mode,
                                                    PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_SEMAPHORE,
                                                    false, message->hold, message->hold_owner});
}

/* On Unix both calls share one table and accept the same descriptors: this one need not be a socket. */
int call_socket_to_semaphore(struct call *call) {
    const Portd__V1__Descriptor *message = call->request->socket_to_semaphore;
    return call_procedure(call, &(struct procedure){OBJECT_SEMAPHORE, message->number, message->mode,
                                                    PORTD__V1__REPLY__RESULT_SOCKET_TO_SEMAPHORE,
                                                    inspect_sockets_are_apart(), message->hold,
                                                    message->hold_owner});
}

/* The message's kind selects a table; on Unix there is one. */
int call_fd_to_evt(struct call *call) {
    const Portd__V1__DescriptorEvt *message = call->request->fd_to_evt;
    return call_procedure(call, &(struct procedure){OBJECT_EVT, message->number, message->mode,
                                                    PORTD__V1__REPLY__RESULT_FD_TO_EVT,
                                                    message->socket && inspect_sockets_are_apart(),
                                                    message->hold, message->hold_owner});
}
