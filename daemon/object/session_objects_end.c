/* session_objects_end.c: the end of everything that a session owns. */
#include "daemon/access/user.h"
#include "session_objects.h"
#include "wait.h"
#include "waitable.h"

/* Ends or frees one object. Returns false if waiters must be notified of its end first. */
static bool end_first(struct object *object, int cause) {
    struct binding *binding = (struct binding *)object;
    struct waitable *waitable = (struct waitable *)object;
    if (object_kind_of(object->id) != OBJECT_DESCRIPTOR) {
        if (waitable_source(waitable))
            waitable_end(waitable, cause);
        else if (waitable->waiters)
            return false;
        else if (!waitable_shed(waitable))
            waitable_free(waitable);
        return true;
    }
    waitable = waitable_registered(binding);
    if (waitable)
        waitable_end(waitable, cause);
    else if (!bound_descriptor(binding)->notifying)
        binding_leave(binding);
    else
        return false;
    return true;
}

bool session_objects_end(struct session_objects *session_objects, int cause) {
    struct turns *turns = session_objects->account.user->lane.turns;
    while (session_objects->objects && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        if (!end_first(session_objects->objects, cause))
            return false;
    }
    while (!session_objects->objects && session_objects->waits && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        wait_expire(session_objects->waits, cause);
    }
    while (!session_objects->objects && session_objects->lent && !turn_is_over(turns)) {
        turn_spend(turns, 1);
        waitable_end_handle(session_objects->lent);
    }
    return !session_objects->objects && !session_objects->waits && !session_objects->lent;
}
