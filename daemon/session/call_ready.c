/* call_ready.c: unsafe-file-descriptor->semaphore, unsafe-socket->semaphore, unsafe-fd->evt; and what ends their objects. */
#include "closing.h"
#include "dispatch.h"
#include "target.h"

#include "daemon/object/evt.h"
#include "daemon/object/semaphore.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

/* One of the three calls, whatever its message. */
struct procedure {
    enum object_kind kind;
    int64_t number;
    Portd__V1__Mode mode;
    Portd__V1__Reply__ResultCase result;
};

/* Ends both directions of the number in the table of that kind, unless `ended` says that it was done. */
static int remove_number(struct call *call, int64_t number, enum object_kind kind, bool ended,
                         Portd__V1__Reply__ResultCase result) {
    struct descriptor *descriptor = descriptor_find(&call->session->belongings, number);
    struct closing *closing = closing_new(call, descriptor, result);
    if (!closing)
        return -1;
    if (descriptor && !descriptor->closing && !ended)
        indicator_end_all(descriptor, kind, kind, CAUSE_REMOVED);
    return closing_settle(call, closing);
}

int call_remove(struct call *call) {
    uint64_t id = call->request->remove->id;
    struct indicator *indicator = target_find(call, id);
    Portd__V1__Reply__ResultCase result = PORTD__V1__REPLY__RESULT_REMOVE;
    if (indicator && registry_kind(id) == OBJECT_PORT)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "id", "close it",
                           "ports are closed, not removed");
    if (!indicator && !target_released(call, id))
        return target_refuse(call, "id", id);
    if (!indicator) {
        struct closing *closing = closing_new(call, NULL, result);
        return closing ? closing_settle(call, closing) : -1;
    }
    return remove_number(call, indicator->number, registry_kind(id), !indicator->descriptor, result);
}

int call_release(struct call *call) {
    const Portd__V1__Release *release = call->request->release;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    if (release->n_ids < 1 || release->n_ids > FRAME_TARGETS_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "ids", NULL, "1 to 256 ids, not %zu",
                           release->n_ids);
    for (size_t i = 0; i < release->n_ids; i++)
        if (!target_find(call, release->ids[i]) && !target_released(call, release->ids[i]))
            return target_refuse(call, "ids", release->ids[i]);
    for (size_t i = 0; i < release->n_ids; i++) {
        struct indicator *indicator = target_find(call, release->ids[i]);
        if (indicator)
            indicator_release(indicator);
    }
    return dispatch_answer(call, PORTD__V1__REPLY__RESULT_RELEASE, &done);
}

static int check(struct call *call, const struct procedure *procedure) {
    bool create =
        procedure->mode == PORTD__V1__MODE__MODE_READ || procedure->mode == PORTD__V1__MODE__MODE_WRITE;
    if (procedure->mode < PORTD__V1__MODE__MODE_READ || procedure->mode > PORTD__V1__MODE__MODE_REMOVE)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "mode",
                           "one of read, write, check-read, check-write, remove", "no mode %d",
                           (int)procedure->mode);
    if (procedure->number < 0 || procedure->number > INT32_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "number", NULL,
                           "%" PRId64 " is no number of a descriptor", procedure->number);
    if (create != (call->fd != OS_FD_NONE))
        return refusal_set(&call->refusal, REFUSAL_MISMATCH, "mode", NULL,
                           create ? "modes read and write take the descriptor itself, and none came"
                                  : "this mode takes no descriptor");
    return 0;
}

static void describe(Portd__V1__Object *object, const struct indicator *indicator,
                     const struct descriptor_claim *claim, bool created) {
    object->id = indicator->object.id;
    object->created = created;
    object->replaced = claim->replaced;
    object->descriptor = indicator->descriptor ? indicator->descriptor->object.id : 0;
}

static int answer_unsupported(struct call *call, const struct procedure *procedure,
                              const struct descriptor_claim *claim, bool cycle) {
    static char always[] = "the kernel does not watch such a descriptor: it is always ready";
    static char circle[] = "an epoll descriptor that leads back to the broker's, or is nested too deep";
    Portd__V1__Object object = PORTD__V1__OBJECT__INIT;
    object.unsupported = true;
    object.replaced = claim->replaced;
    object.reason = cycle ? circle : always;
    return dispatch_answer(call, procedure->result, &object);
}

static int create(struct call *call, const struct procedure *procedure, int direction) {
    struct belongings *belongings = &call->session->belongings;
    Portd__V1__Object object = PORTD__V1__OBJECT__INIT;
    struct descriptor_claim claim;
    struct indicator *indicator;
    bool created;
    int result;
    result = descriptor_claim(belongings, procedure->number, call->fd, false, 1, &claim, &call->refusal);
    call->type = claim.type;
    if (claim.kept)
        dispatch_take(call);
    if (result)
        return -1;
    if (procedure->kind == OBJECT_SEMAPHORE)
        result = semaphore_open(claim.descriptor, direction, &indicator, &created, &call->refusal);
    else
        result = evt_open(claim.descriptor, direction, &indicator, &created, &call->refusal);
    if (result == 0)
        describe(&object, indicator, &claim, created);
    descriptor_settle(claim.descriptor);
    if (result < 0)
        return -1;
    if (result > 0)
        return answer_unsupported(call, procedure, &claim,
                                  procedure->kind == OBJECT_EVT || result == SEMAPHORE_E_CYCLE);
    return dispatch_answer(call, procedure->result, &object);
}

static int look_up(struct call *call, const struct procedure *procedure, int direction) {
    struct descriptor *descriptor = descriptor_find(&call->session->belongings, procedure->number);
    const struct descriptor_claim claim = {.descriptor = descriptor};
    Portd__V1__Object object = PORTD__V1__OBJECT__INIT;
    struct indicator **places = NULL;
    if (descriptor)
        places = procedure->kind == OBJECT_SEMAPHORE ? descriptor->semaphores : descriptor->evts;
    if (places && places[direction])
        describe(&object, places[direction], &claim, false);
    return dispatch_answer(call, procedure->result, &object);
}

static int call_procedure(struct call *call, const struct procedure *procedure) {
    if (check(call, procedure))
        return -1;
    switch (procedure->mode) {
    case PORTD__V1__MODE__MODE_READ:
        return create(call, procedure, DIRECTION_READ);
    case PORTD__V1__MODE__MODE_WRITE:
        return create(call, procedure, DIRECTION_WRITE);
    case PORTD__V1__MODE__MODE_CHECK_READ:
        return look_up(call, procedure, DIRECTION_READ);
    case PORTD__V1__MODE__MODE_CHECK_WRITE:
        return look_up(call, procedure, DIRECTION_WRITE);
    default:
        return remove_number(call, procedure->number, procedure->kind, false, procedure->result);
    }
}

int call_file_descriptor_to_semaphore(struct call *call) {
    const Portd__V1__Descriptor *message = call->request->file_descriptor_to_semaphore;
    return call_procedure(call, &(struct procedure){OBJECT_SEMAPHORE, message->number, message->mode,
                                                    PORTD__V1__REPLY__RESULT_FILE_DESCRIPTOR_TO_SEMAPHORE});
}

/* On Unix the same table, and the same descriptors: what is watched need not be a socket. */
int call_socket_to_semaphore(struct call *call) {
    const Portd__V1__Descriptor *message = call->request->socket_to_semaphore;
    return call_procedure(call, &(struct procedure){OBJECT_SEMAPHORE, message->number, message->mode,
                                                    PORTD__V1__REPLY__RESULT_SOCKET_TO_SEMAPHORE});
}

/* The kind only names the table, and on Unix there is one. */
int call_fd_to_evt(struct call *call) {
    const Portd__V1__DescriptorEvt *message = call->request->fd_to_evt;
    return call_procedure(call, &(struct procedure){OBJECT_EVT, message->number, message->mode,
                                                    PORTD__V1__REPLY__RESULT_FD_TO_EVT});
}

int call_handle(struct call *call) {
    uint64_t id = call->request->handle->id;
    struct indicator *indicator = target_find(call, id);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__HandleOf form = PORTD__V1__HANDLE_OF__INIT;
    os_fd handle;
    if (!indicator)
        return target_refuse(call, "id", id);
    /* Beside the handle itself: for a client that does not read, a copy waits in its channel. */
    if (!slots_may_keep(call->connection->all->registry->slots, 2))
        return users_refuse_table(call->connection->user->users, &call->refusal);
    if (indicator_handle(indicator, &handle, &call->refusal))
        return -1;
    form.form = indicator_is_semaphore(indicator) ? PORTD__V1__HANDLE_OF__FORM__FORM_EVENTFD
                                                  : PORTD__V1__HANDLE_OF__FORM__FORM_EPOLL;
    reply.id = call->request->id;
    reply.result_case = PORTD__V1__REPLY__RESULT_HANDLE;
    reply.handle = &form;
    connection_reply_fd(call->connection, &reply, handle);
    return 0;
}
