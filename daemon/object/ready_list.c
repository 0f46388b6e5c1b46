/* ready_list.c: per uid a list of descriptor ids, in the order of the engine's reports. */
#include "ready_list.h"

#include "bound.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "descriptor.h"
#include "proto/container.h"
#include "registry.h"

#include <stdlib.h>
#include <string.h>

enum { UNITS_ENTRY = 4 /* units of a turn for one entry */, ROOM_FIRST = 64 };

static bool may_notify_now(struct user_ready_list *ready_list, const struct turns *turns) {
    if (ready_list->round != turns->rounds)
        ready_list->at_once = 0;
    ready_list->round = turns->rounds;
    return ready_list->at_once < READY_LIST_AT_ONCE &&
           !lane_rests(&CONTAINER_OF(ready_list, struct user, ready_list)->lane);
}

static void step(struct task *task) {
    struct user_ready_list *ready_list = CONTAINER_OF(task, struct user_ready_list, task);
    struct user *user = CONTAINER_OF(ready_list, struct user, ready_list);
    while (ready_list->first < ready_list->n && !turn_is_over(user->lane.turns)) {
        struct object *object = registry_find(user->registry, ready_list->ids[ready_list->first++]);
        struct descriptor *descriptor = object ? bound_of_object(object) : NULL;
        turn_spend(user->lane.turns, UNITS_ENTRY);
        if (!descriptor)
            continue;
        descriptor->listed = false;
        ready_list->catch_up(descriptor);
    }
    if (ready_list->first < ready_list->n) {
        turn_queue(&user->lane, task);
        return;
    }
    free(ready_list->ids);
    ready_list->ids = NULL;
    ready_list->first = ready_list->n = ready_list->room = 0;
}

static bool make_room(struct user_ready_list *ready_list) {
    size_t room = ready_list->room ? 2 * ready_list->room : ROOM_FIRST;
    if (ready_list->n < ready_list->room)
        return true;
    if (ready_list->first > ready_list->n / 2) {
        memmove(ready_list->ids, ready_list->ids + ready_list->first,
                (ready_list->n - ready_list->first) * sizeof *ready_list->ids);
        ready_list->n -= ready_list->first;
        ready_list->first = 0;
        return true;
    }
    uint64_t *ids = realloc(ready_list->ids, room * sizeof *ids);
    if (!ids)
        return false;
    ready_list->ids = ids;
    ready_list->room = room;
    return true;
}

bool ready_list_put(struct descriptor *descriptor, ready_list_fn catch_up) {
    struct user *user = descriptor->user;
    struct user_ready_list *ready_list = &user->ready_list;
    if (may_notify_now(ready_list, user->lane.turns) || !make_room(ready_list)) {
        ready_list->at_once++;
        return false;
    }
    ready_list->catch_up = catch_up;
    ready_list->task.step = step;
    ready_list->ids[ready_list->n++] = descriptor->id;
    descriptor->listed = true;
    turn_queue(&user->lane, &ready_list->task);
    return true;
}
