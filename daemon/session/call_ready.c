/* call_ready.c: unsafe-file-descriptor->semaphore, unsafe-socket->semaphore, unsafe-fd->evt; and what ends their objects.
 *
 * A create call of a guarded descriptor is in flight until its sentry has tried, and charged to the session; every other one is answered at once. */
#include "closing.h"
#include "daemon/access/charge.h"
#include "dispatch.h"
#include "target.h"

#include "daemon/object/evt.h"
#include "daemon/object/making.h"
#include "daemon/object/semaphore.h"
#include "daemon/object/subscribers.h"

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
static int remove_number(struct call *call, struct binding *binding, enum object_kind kind, bool ended,
                         Portd__V1__Reply__ResultCase result) {
    struct descriptor *descriptor = binding ? bound_descriptor(binding) : NULL;
    struct closing *closing = closing_new(call, descriptor, result);
    if (!closing)
        return -1;
    if (descriptor && !descriptor_is_closing(descriptor) && !ended)
        subscribers_end(binding, kind, kind, CAUSE_REMOVED);
    return closing_settle(call, closing);
}

int call_remove(struct call *call) {
    uint64_t id = call->request->remove->id;
    struct indicator *indicator = target_find(call, id);
    Portd__V1__Reply__ResultCase result = PORTD__V1__REPLY__RESULT_REMOVE;
    if (indicator && registry_kind(id) == OBJECT_PORT)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "id", "close it",
                           "ports are closed, not removed");
    if (!indicator)
        return target_refuse(call, "id", id);
    return remove_number(call, binding_find(indicator->object.owner, indicator_key(indicator)),
                         registry_kind(id), !indicator_source(indicator), result);
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
        struct indicator *indicator = target_find(call, release->ids[i]);
        if (indicator)
            indicator_release(indicator);
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
    if (create != (call->fd != OS_FD_NONE))
        return refusal_set(&call->refusal, REFUSAL_MISMATCH, "mode", NULL,
                           create ? "modes read and write require an attached descriptor"
                                  : "this mode takes no descriptor");
    return 0;
}

/* A create call that waits for a sentry. */
struct creating {
    struct parked parked; /* connection NULL: nobody is answered, and nothing is made */
    struct making making;
    struct procedure procedure;
    struct charge charge;
    bool replaced;
};

static void creating_free(struct creating *creating) {
    charge_deinit(&creating->charge);
    free(creating);
}

static void describe(Portd__V1__Object *object, const struct indicator *indicator, bool created) {
    object->id = indicator->object.id;
    object->created = created;
    object->descriptor = indicator_source(indicator) ? indicator_source(indicator)->id : 0;
}

static void describe_unsupported(Portd__V1__Object *object, bool cycle) {
    static char always[] = "the kernel does not poll this type of descriptor: it is always ready";
    static char circle[] = "the epoll descriptor leads back to the broker's own, or is nested too deeply";
    object->unsupported = true;
    object->reason = cycle ? circle : always;
}

/* Makes the object, or finds it. tried: what a sentry says, where it takes one; ended: the cause with which a new one ends at once, or
 * 0. The descriptor may be gone after this. 0, or -1 and the refusal. */
static int make(const struct procedure *procedure, struct binding *binding, int direction,
                const struct guard_try *tried, int ended, Portd__V1__Object *object,
                struct refusal *refusal) {
    struct indicator *indicator;
    bool created, semaphore = procedure->kind == OBJECT_SEMAPHORE;
    int result = semaphore ? semaphore_open(binding, direction, tried, &indicator, &created, refusal)
                           : evt_open(binding, direction, tried, &indicator, &created, refusal);
    if (result > 0)
        describe_unsupported(object, !semaphore || result == SEMAPHORE_E_CYCLE);
    if (result == 0) {
        if (created && ended)
            indicator_end(indicator, ended);
        describe(object, indicator, created);
    }
    descriptor_settle(bound_descriptor(binding));
    return result < 0 ? -1 : 0;
}

static void on_made(struct making *making) {
    struct creating *creating = CONTAINER_OF(making, struct creating, making);
    struct parked *parked = &creating->parked;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Object object = PORTD__V1__OBJECT__INIT;
    struct descriptor *descriptor = bound_descriptor(making->binding);
    struct refusal refusal;
    if (!parked->connection) {
        if (!descriptor_is_closing(descriptor))
            descriptor_settle(descriptor);
        creating_free(creating);
        return;
    }
    parked_remove(parked);
    if (descriptor_is_closing(descriptor)) { /* its session has ended */
        refusal_set(&refusal, REFUSAL_CLOSED, NULL, NULL, "the session has ended");
        connection_refuse(parked->connection, parked->request, &refusal);
        creating_free(creating);
        return;
    }
    object.replaced = creating->replaced;
    if (make(&creating->procedure, making->binding, making->direction, &making->try, making->ended, &object,
             &refusal)) {
        connection_refuse(parked->connection, parked->request, &refusal);
    } else {
        reply.id = parked->request;
        reply.result_case = creating->procedure.result;
        reply.fd_to_evt = &object;
        connection_reply(parked->connection, &reply);
    }
    creating_free(creating);
}

/* The connection has ended; the sentry still has the descriptor in its hands. */
static void cancel(struct parked *parked) { parked->connection = NULL; }

static int start(struct call *call, const struct procedure *procedure, const struct binding_claim *claim,
                 int direction) {
    struct creating *creating;
    struct charge charge;
    if (charge_request(&charge, &call->session->belongings.account, sizeof *creating, &call->refusal)) {
        descriptor_settle(bound_descriptor(claim->binding));
        return -1;
    }
    creating = calloc(1, sizeof *creating);
    if (!creating || table_reserve(&call->connection->by_request)) {
        free(creating);
        charge_deinit(&charge);
        descriptor_settle(bound_descriptor(claim->binding));
        return refusal_memory(&call->refusal);
    }
    charge_move(&creating->charge, &charge);
    creating->procedure = *procedure;
    creating->replaced = claim->replaced;
    creating->making.kind = procedure->kind;
    creating->making.direction = (uint8_t)direction;
    creating->making.done = on_made;
    creating->parked = (struct parked){.windowed = true, .cancel = cancel};
    parked_add(call->connection, &creating->parked, call->request->id);
    making_start(&creating->making, claim->binding);
    return 0;
}

static int create(struct call *call, const struct procedure *procedure, int direction) {
    struct belongings *belongings = &call->session->belongings;
    Portd__V1__Object object = PORTD__V1__OBJECT__INIT;
    struct binding_claim claim;
    int result = binding_claim(belongings, connection_key(call->connection, procedure->number), call->fd,
                               false, 1, &claim, &call->refusal);
    call->closes_at_once = claim.same && inspect_closes_at_once(claim.type);
    if (claim.kept)
        call_take(call);
    if (result)
        return -1;
    if (making_is_needed(claim.binding, procedure->kind, direction))
        return start(call, procedure, &claim, direction);
    object.replaced = claim.replaced;
    if (make(procedure, claim.binding, direction, NULL, 0, &object, &call->refusal))
        return -1;
    return call_answer(call, procedure->result, &object);
}

static struct binding *find(const struct call *call, const struct procedure *procedure) {
    return binding_find(&call->session->belongings, connection_key(call->connection, procedure->number));
}

static int look_up(struct call *call, const struct procedure *procedure, int direction) {
    const struct binding *binding = find(call, procedure);
    Portd__V1__Object object = PORTD__V1__OBJECT__INIT;
    const struct indicator *indicator = binding ? indicator_find(binding, procedure->kind, direction) : NULL;
    if (indicator)
        describe(&object, indicator, false);
    return call_answer(call, procedure->result, &object);
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
        return remove_number(call, find(call, procedure), procedure->kind, false, procedure->result);
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
