/* notice.c: counting and noting. */
#include "notice.h"

#include "belongings.h"
#include "cause.h"
#include "daemon/access/user.h"
#include "daemon/base/journal.h"
#include "daemon/base/metrics.h"
#include "indicator.h"
#include "registry.h"

_Static_assert(METRIC_POSTS_RESYNC - METRIC_POSTS_NONE == CAUSE_RESYNC, "posts are in the order of causes");
_Static_assert(METRIC_OBJECTS_MADE_EVT - METRIC_OBJECTS_MADE_PORT == OBJECT_EVT - OBJECT_PORT,
               "objects are in the order of kinds");

static void note(const struct belongings *owner, struct notice *notice) {
    notice->session = owner->account.session;
    notice->uid = owner->account.user->uid;
    users_note(owner->registry->env.users, notice);
}

static void note_indicator(const struct indicator *indicator, enum journal_event event, int cause) {
    const struct descriptor *descriptor = indicator->ended ? NULL : bound_descriptor(indicator->of.binding);
    struct notice notice = {
        .event = (uint8_t)event,
        .id = indicator->object.id,
        .descriptor = descriptor ? descriptor->id : 0,
        .number = number_of_key(indicator->ended ? indicator->of.key : indicator->of.binding->key),
        .direction = (uint8_t)(indicator->direction + 1),
        .cause = (uint8_t)cause};
    note(indicator->object.owner, &notice);
}

static void note_descriptor(const struct descriptor *descriptor, enum journal_event event) {
    const struct binding *binding = bound_binding(descriptor);
    struct notice notice = {.event = (uint8_t)event,
                            .id = descriptor->id,
                            .number = number_of_key(binding->key),
                            .type = descriptor->type};
    if (descriptor->state != DESCRIPTOR_LEAVING) {
        note(binding->object.owner, &notice);
        return;
    }
    notice.uid = descriptor->user->uid;
    users_note(descriptor->user->users, &notice);
}

void notice_made(const struct object *object) {
    int kind = (int)object_kind_of(object->id);
    if (kind == OBJECT_DESCRIPTOR) {
        metrics_add(METRIC_DESCRIPTORS_KEPT, 1);
        note_descriptor(bound_of_object(object), JOURNAL_MADE);
        return;
    }
    metrics_add((enum metric)((int)METRIC_OBJECTS_MADE_PORT + kind - OBJECT_PORT), 1);
    note_indicator((const struct indicator *)object, JOURNAL_MADE, CAUSE_NONE);
}

void notice_ended(const struct indicator *indicator, int cause) {
    bool semaphore = object_kind_of(indicator->object.id) == OBJECT_SEMAPHORE;
    if (semaphore)
        metrics_add((enum metric)((int)METRIC_POSTS_NONE + cause), 1);
    note_indicator(indicator, semaphore && cause <= CAUSE_ERROR ? JOURNAL_FIRED : JOURNAL_ENDED, cause);
}

void notice_ready(const struct indicator *indicator, int cause) {
    note_indicator(indicator, JOURNAL_READY, cause);
}

void notice_released(const struct indicator *indicator) {
    note_indicator(indicator, JOURNAL_RELEASED, CAUSE_NONE);
}

void notice_passed(const struct indicator *indicator) {
    note_indicator(indicator, JOURNAL_PASSED, CAUSE_NONE);
}

void notice_closed(const struct descriptor *descriptor) { note_descriptor(descriptor, JOURNAL_CLOSED); }
