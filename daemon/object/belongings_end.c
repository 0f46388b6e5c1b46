/* belongings_end.c: how all that a session has ends. */
#include "belongings.h"
#include "daemon/access/user.h"
#include "indicator.h"
#include "wait.h"

/* Ends one thing, or frees it. False: others have to be told of its end first. */
static bool end_first(struct object *object, int cause) {
    struct binding *binding = (struct binding *)object;
    struct indicator *indicator = (struct indicator *)object;
    if (object_kind_of(object->id) != OBJECT_DESCRIPTOR) {
        if (indicator_source(indicator))
            indicator_end(indicator, cause);
        else if (indicator->waiters)
            return false;
        else if (!indicator_shed(indicator))
            indicator_free(indicator);
        return true;
    }
    indicator = indicator_registered(binding);
    if (indicator)
        indicator_end(indicator, cause);
    else if (!bound_descriptor(binding)->telling)
        binding_leave(binding);
    else
        return false;
    return true;
}

bool belongings_end(struct belongings *belongings, int cause) {
    struct turns *turns = belongings->account.user->lane.turns;
    while (belongings->objects && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        if (!end_first(belongings->objects, cause))
            return false;
    }
    while (!belongings->objects && belongings->waits && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        wait_expire(belongings->waits, cause);
    }
    while (!belongings->objects && belongings->lent && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        indicator_end_lent(belongings->lent);
    }
    return !belongings->objects && !belongings->waits && !belongings->lent;
}
