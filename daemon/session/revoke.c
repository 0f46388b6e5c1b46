/* revoke.c: a walk over the objects of each session that has copies of holds. */
#include "revoke.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/policy.h"
#include "daemon/access/rule.h"
#include "daemon/access/user.h"
#include "daemon/object/bound.h"
#include "daemon/object/cause.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/hold.h"
#include "daemon/object/pending_create.h"
#include "daemon/object/session_objects.h"
#include "daemon/object/waitable.h"
#include "proto/container.h"
#include "session.h"
#include "utlist.h"

static enum hold_use use_of(enum right right) {
    return right == RIGHT_READ ? HOLD_READ : right == RIGHT_WRITE ? HOLD_WRITE : HOLD_WATCH;
}

/* Whether the rules give the right to a uid, or to the group. */
static bool is_given(const struct session *session, const struct hold *hold, uint32_t group,
                     enum right right) {
    const struct rule_table *rules = session->all->policy->rules;
    const struct peer peer = {.uid = session->uid, .gid = group};
    size_t looks = 0;
    bool given = session->uid == hold->owner ||
                 rule_table_find_for(rules, &peer, hold->owner, hold->name, right, &looks);
    turn_spend(session->session_objects.account.user->lane.turns,
               looks / RULE_LOOKS + (rules ? rules->n / RULES_A_UNIT : 0));
    return given;
}

void revoke_note(struct call *call, const struct hold *hold, struct descriptor *copy, enum right right) {
    const struct peer *peer = &call->connection->peer;
    uint32_t group = PEER_UID_NOBODY;
    if (is_given(call->session, hold, group, right)) {
        hold_set_group(copy, use_of(right), group);
        return;
    }
    if (is_given(call->session, hold, peer->gid, right))
        group = peer->gid;
    for (size_t i = 0; group == PEER_UID_NOBODY && i < peer->n_groups; i++)
        if (is_given(call->session, hold, peer->groups[i], right))
            group = peer->groups[i];
    hold_set_group(copy, use_of(right), group);
}

/* By which it was made. */
static enum right right_of(const struct waitable *waitable) {
    if (object_kind_of(waitable->object.id) != OBJECT_PORT)
        return RIGHT_WATCH;
    return waitable->direction == DIRECTION_READ ? RIGHT_READ : RIGHT_WRITE;
}

static bool is_lost(const struct session *session, const struct descriptor *copy, enum right right) {
    const struct hold *hold = hold_of(copy);
    return hold && !is_given(session, hold, hold_group(copy, use_of(right)), right);
}

static void look_at_copy(const struct session *session, struct descriptor *copy) {
    if (!is_lost(session, copy, RIGHT_WATCH))
        return;
    pending_create_end_all(copy, OBJECT_SEMAPHORE, CAUSE_REVOKED);
    pending_create_end_all(copy, OBJECT_EVT, CAUSE_REVOKED);
}

static void look_at(const struct session *session, uint64_t id) {
    const struct session_objects *objects = &session->session_objects;
    struct object *object = session_objects_find(objects, id);
    if (object_kind_of(id) == OBJECT_DESCRIPTOR) {
        look_at_copy(session, bound_of_object(object));
        return;
    }
    struct waitable *waitable = (struct waitable *)object;
    struct descriptor *copy = waitable_source(waitable);
    if (!copy || !is_lost(session, copy, right_of(waitable)))
        return;
    descriptor_catch_up(copy); /* a semaphore that should have fired before does not end with another cause */
    object = session_objects_find(objects, id);
    waitable = (struct waitable *)object;
    if (!object || waitable->ended)
        return;
    waitable_end(waitable, CAUSE_REVOKED);
    if (!descriptor_is_closing(copy))
        descriptor_update(copy);
}

/* What it looks at can end and be gone, and others with it. */
static void step(struct task *task) {
    struct session *session = CONTAINER_OF(task, struct session, task);
    struct lane *lane = &session->session_objects.account.user->lane;
    const struct object *object = NULL;
    while (!turn_is_over(lane->turns) &&
           (object = session_objects_next(&session->session_objects, session->looked_at))) {
        turn_spend(lane->turns, 1);
        session->looked_at = object->id;
        look_at(session, object->id);
    }
    if (object)
        turn_queue(lane, task);
}

void revoke_all(struct sessions *sessions) {
    struct session *session;
    DL_FOREACH (sessions->list, session) {
        if (!session->session_objects.hold_place || session->holding)
            continue;
        session->looked_at = 0;
        session->task.step = step;
        turn_give(&session->session_objects.account.user->lane, &session->task);
    }
}
