/* evt.c: making an event. */
#include "evt.h"

#include "daemon/access/refusal.h"
#include "daemon/readiness/engine.h"
#include "guard.h"
#include "indicator.h"
#include "object.h"

int evt_open(struct binding *binding, int direction, const struct guard_try *tried, struct indicator **evt,
             bool *created, struct refusal *refusal) {
    *created = false;
    *evt = indicator_find(binding, OBJECT_EVT, direction);
    if (*evt)
        return 0;
    if (tried && tried->error == ENGINE_E_CYCLE)
        return EVT_E_CYCLE;
    if (tried && tried->error < 0)
        return refusal_system(refusal, -tried->error, "cannot watch the descriptor");
    *evt = indicator_new(binding, OBJECT_EVT, direction, refusal);
    if (!*evt)
        return -1;
    *created = true;
    return 0;
}
