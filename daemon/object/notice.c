/* notice.c: counting. */
#include "notice.h"

#include "daemon/base/metrics.h"
#include "indicator.h"

_Static_assert(METRIC_POSTS_RESYNC - METRIC_POSTS_NONE == CAUSE_RESYNC, "posts are in the order of causes");
_Static_assert(METRIC_OBJECTS_MADE_EVT - METRIC_OBJECTS_MADE_PORT == OBJECT_EVT - OBJECT_PORT,
               "objects are in the order of kinds");

void notice_made(const struct object *object) {
    int kind = (int)registry_kind(object->id);
    if (kind == OBJECT_DESCRIPTOR)
        metrics_add(METRIC_DESCRIPTORS_KEPT, 1);
    else
        metrics_add((enum metric)((int)METRIC_OBJECTS_MADE_PORT + kind - OBJECT_PORT), 1);
}

void notice_ended(const struct indicator *indicator, int cause) {
    if (indicator_is_semaphore(indicator))
        metrics_add((enum metric)((int)METRIC_POSTS_NONE + cause), 1);
}
