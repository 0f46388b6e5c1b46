/* semaphore.c: making a semaphore. It fires at once if the descriptor is ready; one that the kernel cannot
 * watch has none. */
#include "semaphore.h"

#include "cause.h"
#include "daemon/access/refusal.h"
#include "daemon/readiness/engine.h"
#include "descriptor.h"
#include "direction.h"
#include "object.h"
#include "taker.h"
#include "thread_watch.h"
#include "waitable.h"

/* Polls once: a descriptor that is ready now fires now, whatever the engine reports later. */
static unsigned look(const struct descriptor *descriptor, int direction) {
    struct engine_probe probe = {descriptor->fd, direction_interest(direction), 0};
    return engine_probe(&probe, 1) ? 0 : probe.events;
}

static void fire(struct waitable *semaphore, unsigned events) {
    enum cause cause = cause_of(events, semaphore->direction);
    if (cause)
        waitable_end(semaphore, (int)cause);
}

int semaphore_open(struct binding *binding, int direction, const struct thread_watch_try *tried,
                   struct waitable **semaphore, bool *created, struct refusal *refusal) {
    *created = false;
    *semaphore = waitable_find(binding, OBJECT_SEMAPHORE, direction);
    if (*semaphore)
        return 0;
    if (!inspect_tells_ready((enum inspect_type)bound_descriptor(binding)->type,
                             direction == DIRECTION_WRITE))
        return SEMAPHORE_E_SILENT;
    int error =
        tried ? tried->error : descriptor_arm(bound_descriptor(binding), direction_interest(direction));
    if (error == ENGINE_E_UNSUPPORTED)
        return SEMAPHORE_E_UNSUPPORTED;
    if (error == ENGINE_E_CYCLE)
        return SEMAPHORE_E_CYCLE;
    if (error == TAKER_E_INSIDE)
        return SEMAPHORE_E_TAKES;
    if (error)
        return refusal_system(refusal, -error, "cannot watch the descriptor");
    *semaphore = waitable_new(binding, OBJECT_SEMAPHORE, direction, refusal);
    if (!*semaphore)
        return -1;
    *created = true;
    fire(*semaphore, tried ? tried->events : look(bound_descriptor(binding), direction));
    return 0;
}
