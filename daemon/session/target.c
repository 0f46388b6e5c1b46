/* target.c: looks up the objects that a request names. */
#include "target.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/offload.h"
#include "daemon/object/direction.h"
#include "daemon/object/env.h"
#include "daemon/object/port.h"
#include "daemon/object/registry.h"
#include "session.h"

#include <inttypes.h>

static bool is_kind(uint64_t id) {
    enum object_kind kind = object_kind_of(id);
    return kind == OBJECT_SEMAPHORE || kind == OBJECT_EVT || kind == OBJECT_PORT;
}

bool target_may_reach(const struct call *call, const struct session *session) {
    return session == call->session ||
           (call->connection->reach && !session->private && session->uid == call->connection->peer.uid);
}

struct object *target_object(const struct call *call, uint64_t id) {
    struct object *object = session_objects_find(&call->session->session_objects, id);
    if (object || !call->connection->reach)
        return object;
    object = registry_find(call->connection->all->registry, id);
    if (!object || !object->owner || !target_may_reach(call, session_of(object)))
        return NULL;
    return session_objects_find(object->owner, id);
}

struct waitable *target_find(const struct call *call, uint64_t id) {
    return is_kind(id) ? (struct waitable *)target_object(call, id) : NULL;
}

int target_refuse(struct call *call, const char *field, uint64_t id) {
    static const char *const names[] = {
        [OBJECT_DESCRIPTOR] = "a descriptor", [OBJECT_PORT] = "a port",
        [OBJECT_SEMAPHORE] = "a semaphore",   [OBJECT_EVT] = "an event",
        [OBJECT_SESSION] = "a session",
    };
    const struct session *session =
        object_kind_of(id) == OBJECT_SESSION ? session_find(call->connection->all, id) : NULL;
    if (target_object(call, id) || (session && call_reaches(call, session->uid)))
        return refusal_set(&call->refusal, REFUSAL_INVALID, field, NULL,
                           "%" PRIu64 " is %s, which this call does not accept", id,
                           names[object_kind_of(id)]);
    if (call->connection->reach)
        return refusal_set(
            &call->refusal, REFUSAL_NOT_FOUND, field, "list shows the objects that exist",
            "no object %" PRIu64 ": it no longer exists, never did, or belongs to another user", id);
    return refusal_set(
        &call->refusal, REFUSAL_NOT_FOUND, field,
        "an id of another session of this user is found with the option reach of hello (portd_options.reach)",
        "no object %" PRIu64 " in this session", id);
}

struct port *target_port(struct call *call, uint64_t id, int direction) {
    struct waitable *waitable = object_kind_of(id) == OBJECT_PORT ? target_find(call, id) : NULL;
    if (!waitable) {
        target_refuse(call, "id", id);
        return NULL;
    }
    if (!waitable_source(waitable)) {
        refusal_set(&call->refusal, REFUSAL_CLOSED, "id", "wrap the descriptor again",
                    "port %" PRIu64 " is closed", id);
        return NULL;
    }
    if (direction >= 0 && waitable->direction != direction) {
        refusal_set(&call->refusal, REFUSAL_INVALID, "id", "use the other port of the descriptor",
                    "port %" PRIu64 " is for %s", id,
                    waitable->direction == DIRECTION_READ ? "reading" : "writing");
        return NULL;
    }
    return (struct port *)waitable;
}

int target_check_tells(struct call *call, const struct waitable *waitable, const char *field) {
    const struct descriptor *source = waitable_source(waitable);
    if (!source ||
        inspect_tells_ready((enum inspect_type)source->type, waitable->direction == DIRECTION_WRITE))
        return 0;
    return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, field, NULL,
                       "the system does not tell when a descriptor of type %s is ready for %s",
                       inspect_name((enum inspect_type)source->type),
                       waitable->direction == DIRECTION_WRITE ? "writing" : "reading");
}

int target_check_workers(struct call *call) {
    static const char hint[] = "try again, or get a copy of the descriptor and use that";
    switch (offload_check(call->connection->all->env->offload, call->connection->user->uid)) {
    case OFFLOAD_IS_SCARCE:
        return refusal_set(&call->refusal, REFUSAL_LIMIT, NULL, hint,
                           "blocked calls of other users occupy the broker's %d worker threads",
                           OFFLOAD_THREADS);
    case OFFLOAD_HAS_NO_THREAD:
        return refusal_set(
            &call->refusal, REFUSAL_LIMIT, NULL, hint,
            "the broker cannot start a thread: a limit of its user or control group is reached");
    default:
        return 0;
    }
}
