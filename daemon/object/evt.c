/* evt.c: finds or makes an event. */
#include "evt.h"

#include "bound.h"
#include "daemon/access/refusal.h"
#include "daemon/readiness/engine.h"
#include "direction.h"
#include "object.h"
#include "taker.h"
#include "thread_watch.h"
#include "waitable.h"

int evt_open(struct binding *binding, int direction, const struct thread_watch_try *tried,
             struct waitable **evt, bool *created, struct refusal *refusal) {
    *created = false;
    *evt = waitable_find(binding, OBJECT_EVT, direction);
    if (*evt)
        return 0;
    if (!inspect_tells_ready((enum inspect_type)bound_descriptor(binding)->type,
                             direction == DIRECTION_WRITE))
        return EVT_E_SILENT;
    if (tried && tried->error == ENGINE_E_CYCLE)
        return EVT_E_CYCLE;
    if (tried && tried->error == TAKER_E_INSIDE)
        return EVT_E_TAKES;
    if (tried && tried->error < 0)
        return refusal_system(refusal, -tried->error, "cannot watch the descriptor");
    *evt = waitable_new(binding, OBJECT_EVT, direction, refusal);
    if (!*evt)
        return -1;
    *created = true;
    return 0;
}
