/* notice_object.c: counters and journal entries. */
#include "notice_object.h"

#include "cause.h"
#include "daemon/access/user.h"
#include "daemon/base/journal.h"
#include "daemon/base/metrics.h"
#include "registry.h"
#include "session_objects.h"
#include "waitable.h"

_Static_assert(METRIC_POSTS_RESYNC - METRIC_POSTS_NONE == CAUSE_RESYNC, "posts are in the order of causes");
_Static_assert(METRIC_OBJECTS_MADE_EVT - METRIC_OBJECTS_MADE_PORT == OBJECT_EVT - OBJECT_PORT,
               "objects are in the order of kinds");

static void note(const struct session_objects *owner, struct notice *notice) {
    notice->session = owner->account.session;
    notice->uid = owner->account.user->uid;
    users_note(owner->registry->env.users, notice);
}

static void note_waitable(const struct waitable *waitable, enum journal_event event, int cause) {
    const struct descriptor *descriptor = waitable->ended ? NULL : bound_descriptor(waitable->of.binding);
    uint64_t key = waitable->ended ? waitable->of.key : waitable->of.binding->key;
    struct notice notice = {.event = (uint8_t)event,
                            .id = waitable->object.id,
                            .descriptor = descriptor ? descriptor->id : 0,
                            .number = session_objects_number(waitable->object.owner, key),
                            .direction = (uint8_t)(waitable->direction + 1),
                            .cause = (uint8_t)cause};
    note(waitable->object.owner, &notice);
}

static void note_descriptor(const struct descriptor *descriptor, enum journal_event event) {
    const struct binding *binding = bound_binding(descriptor);
    struct notice notice = {.event = (uint8_t)event,
                            .id = descriptor->id,
                            .number = session_objects_number(binding->object.owner, binding->key),
                            .type = descriptor->type};
    if (descriptor->state != DESCRIPTOR_LEAVING) {
        note(binding->object.owner, &notice);
        return;
    }
    notice.uid = descriptor->user->uid;
    users_note(descriptor->user->users, &notice);
}

void notice_object_made(const struct object *object) {
    int kind = (int)object_kind_of(object->id);
    if (kind == OBJECT_DESCRIPTOR) {
        metrics_add(METRIC_DESCRIPTORS_KEPT, 1);
        note_descriptor(bound_of_object(object), JOURNAL_MADE);
        return;
    }
    metrics_add((enum metric)((int)METRIC_OBJECTS_MADE_PORT + kind - OBJECT_PORT), 1);
    note_waitable((const struct waitable *)object, JOURNAL_MADE, CAUSE_NONE);
}

void notice_object_ended(const struct waitable *waitable, int cause) {
    bool semaphore = object_kind_of(waitable->object.id) == OBJECT_SEMAPHORE;
    if (semaphore)
        metrics_add((enum metric)((int)METRIC_POSTS_NONE + cause), 1);
    note_waitable(waitable, semaphore && cause <= CAUSE_ERROR ? JOURNAL_FIRED : JOURNAL_ENDED, cause);
}

void notice_object_ready(const struct waitable *waitable, int cause) {
    note_waitable(waitable, JOURNAL_READY, cause);
}

void notice_object_released(const struct waitable *waitable) {
    note_waitable(waitable, JOURNAL_RELEASED, CAUSE_NONE);
}

void notice_object_passed(const struct waitable *waitable) {
    note_waitable(waitable, JOURNAL_PASSED, CAUSE_NONE);
}

void notice_object_closed(const struct descriptor *descriptor) {
    note_descriptor(descriptor, JOURNAL_CLOSED);
}
