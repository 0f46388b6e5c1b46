/* target.c: looking up what a request names. */
#include "target.h"

#include "daemon/object/port.h"

#include <inttypes.h>

static bool is_kind(uint64_t id) {
    enum object_kind kind = registry_kind(id);
    return kind == OBJECT_SEMAPHORE || kind == OBJECT_EVT || kind == OBJECT_PORT;
}

struct indicator *target_find(const struct call *call, uint64_t id) {
    struct object *object = is_kind(id) ? belongings_find(&call->session->belongings, id) : NULL;
    return (struct indicator *)object;
}

int target_refuse(struct call *call, const char *field, uint64_t id) {
    static const char *const names[] = {
        [OBJECT_DESCRIPTOR] = "a descriptor", [OBJECT_PORT] = "a port",
        [OBJECT_SEMAPHORE] = "a semaphore",   [OBJECT_EVT] = "an event",
        [OBJECT_SESSION] = "a session",
    };
    if (belongings_find(&call->session->belongings, id))
        return refusal_set(&call->refusal, REFUSAL_INVALID, field, NULL,
                           "%" PRIu64 " is %s, and this call is for other kinds", id,
                           names[registry_kind(id)]);
    return refusal_set(
        &call->refusal, REFUSAL_NOT_FOUND, field,
        "an id means something in its own session alone: status tells which this is, list what is in it",
        "no object %" PRIu64 " in this session", id);
}

struct port *target_port(struct call *call, uint64_t id, int direction) {
    struct indicator *indicator = registry_kind(id) == OBJECT_PORT ? target_find(call, id) : NULL;
    if (!indicator) {
        target_refuse(call, "id", id);
        return NULL;
    }
    if (!indicator->descriptor) {
        refusal_set(&call->refusal, REFUSAL_CLOSED, "id", "wrap the descriptor again",
                    "port %" PRIu64 " is closed", id);
        return NULL;
    }
    if (direction >= 0 && indicator->direction != direction) {
        refusal_set(&call->refusal, REFUSAL_INVALID, "id", "use the other port of the wrap",
                    "port %" PRIu64 " is for %s", id,
                    indicator->direction == DIRECTION_READ ? "reading" : "writing");
        return NULL;
    }
    return (struct port *)indicator;
}
