/* waitqueue.c: chooses the targets for an activity and notifies them in steps. */
#include "waitqueue.h"

#include "cause.h"
#include "daemon/access/user.h"
#include "daemon/base/slab.h"
#include "daemon/base/turn.h"
#include "direction.h"
#include "extras.h"
#include "hooks.h"
#include "proto/container.h"
#include "registry.h"
#include "transfer.h"
#include "utlist.h"
#include "wait.h"
#include "waitable.h"

struct waitqueue *waitqueue_find(const struct descriptor *descriptor, int direction) {
    struct waitqueue *queue = descriptor->queues;
    while (queue && queue->direction != direction)
        queue = queue->next;
    return queue;
}

struct waitqueue *waitqueue_of(const struct wait_target *target) {
    const struct descriptor *descriptor = target->of ? waitable_descriptor(target->of) : NULL;
    return descriptor ? waitqueue_find(descriptor, target->of->direction) : NULL;
}

static struct lane *lane_of(const struct waitqueue *queue) { return &queue->descriptor->user->lane; }

enum { GIVE_LOOKS = 64 };

static void step(struct task *task);
static void look_again(struct waitqueue *queue);

struct waitqueue *waitqueue_get(struct descriptor *descriptor, int direction) {
    struct waitqueue *queue;
    descriptor_catch_up(descriptor);
    queue = waitqueue_find(descriptor, direction);
    if (queue)
        return queue;
    queue = slab_take(&descriptor->user->registry->waitqueues);
    if (!queue)
        return NULL;
    queue->descriptor = descriptor;
    queue->direction = (uint8_t)direction;
    queue->round = descriptor->user->registry->rounds;
    queue->task.step = step;
    ring_init(&queue->armed);
    ring_init(&queue->ones);
    ring_init(&queue->told);
    ring_init(&queue->transfers);
    queue->next = descriptor->queues;
    descriptor->queues = queue;
    return queue;
}

void waitqueue_free(struct waitqueue *queue) {
    struct descriptor *descriptor = queue->descriptor;
    turn_forget(&queue->task);
    if (ring_has(&queue->pool))
        ring_remove(&queue->pool);
    LL_DELETE(descriptor->queues, queue);
    slab_give(&descriptor->user->registry->waitqueues, queue);
}

void waitqueue_update(struct waitqueue *queue) {
    if (ring_has(&queue->pool) && !waitqueue_has_ones(queue))
        ring_remove(&queue->pool);
    if (queue->stepping || queue->held || turn_is_queued(&queue->task) || queue->trying ||
        !ring_is_empty(&queue->armed) || !ring_is_empty(&queue->ones) || !ring_is_empty(&queue->told) ||
        !ring_is_empty(&queue->transfers))
        return;
    waitqueue_free(queue);
}

bool waitqueue_has_ones(const struct waitqueue *queue) {
    /* A target taken by an activity may have to leave it to another wait. */
    bool told = ring_has(&queue->pool) && !ring_is_empty(&queue->told);
    return told || !ring_is_empty(&queue->ones) || queue->armed_ones || queue->held;
}

bool waitqueue_needs(const struct waitqueue *queue, bool *edge) {
    bool vain = queue->vain >= WAITQUEUE_VAIN;
    /* An edge-triggered watch stays armed during a try: rearming would report the readiness that has not helped. */
    bool transfers = queue->trying || queue->try ? vain : !ring_is_empty(&queue->transfers);
    bool ones = waitqueue_has_ones(queue);
    if (!ENGINE_HAS_EDGES && vain) /* pauses alone go on */
        transfers = false;
    *edge = *edge || ones || (transfers && vain);
    return ones || transfers || !ring_is_empty(&queue->armed);
}

static bool is_left(const struct wait_target *target) { return target->wait->left && *target->wait->left; }

/* Gives the activity to the oldest wake-one target whose connection has not ended. Many that have ended are
 * skipped in steps; a wait that begins meanwhile finds the descriptor ready. */
static void give(struct waitqueue *queue) {
    struct ring *node;
    unsigned looks = GIVE_LOOKS;
    queue->given = false;
    while (queue->give && looks-- > 0 && (node = ring_first(&queue->ones))) {
        struct wait_target *target = CONTAINER_OF(node, struct wait_target, queue_node);
        ring_remove(node);
        ring_add(&queue->told, node);
        if (is_left(target))
            continue;
        target->given = queue->given = true;
        queue->give = false;
    }
    queue->give = queue->give && !ring_is_empty(&queue->ones);
    if (queue->give)
        turn_queue(lane_of(queue), &queue->task);
}

void waitqueue_tell(struct waitqueue *queue, int cause) {
    queue->cause = (uint8_t)cause;
    queue->round = ++queue->descriptor->user->registry->rounds;
    queue->armed_ones = 0;
    ring_move_all(&queue->told, &queue->armed);
    queue->give = true;
    if (cause == CAUSE_RESYNC)
        ring_move_all(&queue->told, &queue->ones);
    give(queue);
    queue->failed = queue->failed || cause == CAUSE_RESYNC;
    queue->again = queue->again || queue->trying;
    queue->try = !ring_is_empty(&queue->transfers);
    if (queue->try || !ring_is_empty(&queue->told))
        turn_queue(lane_of(queue), &queue->task);
}

static const struct object_hooks *hooks_of(const struct waitqueue *queue) {
    return queue->descriptor->user->registry->hooks;
}

static void fail_transfers(struct waitqueue *queue) {
    struct ring *node;
    while (queue->failed && !turn_is_over(lane_of(queue)->turns)) {
        node = ring_first(&queue->transfers);
        queue->failed = node != NULL;
        turn_spend(lane_of(queue)->turns, 1);
        if (node)
            hooks_of(queue)->on_transfer_failed(CONTAINER_OF(node, struct transfer, queue_node));
    }
}

/* A target is in no ring of the queue when it is notified. It may remove other targets of its wait from this queue. */
static void step(struct task *task) {
    struct waitqueue *queue = CONTAINER_OF(task, struct waitqueue, task);
    struct descriptor *descriptor = queue->descriptor;
    struct lane *lane = lane_of(queue);
    struct ring *node;
    queue->stepping = true;
    if (queue->give) {
        turn_spend(lane->turns, GIVE_LOOKS / 8);
        give(queue);
    }
    if (queue->failed)
        fail_transfers(queue);
    else if (queue->try)
        hooks_of(queue)->on_transfer_ready(queue);
    queue->try = false;
    while (!turn_is_over(lane->turns) && (node = ring_first(&queue->told))) {
        struct wait_target *target = CONTAINER_OF(node, struct wait_target, queue_node);
        ring_remove(node);
        hooks_of(queue)->on_target_ready(target, queue->cause);
    }
    queue->stepping = false;
    if (queue->failed || !ring_is_empty(&queue->told))
        turn_queue(lane, task);
    waitqueue_update(queue);
    descriptor_update(descriptor);
}

void waitqueue_add(struct waitqueue *queue, struct wait_target *target, bool missed) {
    const struct wait_request *wait = target->wait;
    bool ones = wait->one && !wait->all;
    ring_add(ones ? &queue->ones : missed ? &queue->told : &queue->armed, &target->queue_node);
    target->round = queue->round - missed;
    if (wait->one && !ring_has(&queue->pool))
        ring_add(&queue->descriptor->user->pools, &queue->pool);
    if (wait->one && wait->all && !missed)
        queue->armed_ones++;
    if (missed && ones && !queue->given) {
        queue->give = true;
        give(queue);
    }
    if (missed && !ring_is_empty(&queue->told))
        turn_queue(lane_of(queue), &queue->task);
}

void waitqueue_remove(struct waitqueue *queue, struct wait_target *target) {
    const struct wait_request *wait = target->wait;
    ring_remove(&target->queue_node);
    if (wait->one && wait->all && target->round == queue->round)
        queue->armed_ones--;
}

void waitqueue_give_on(struct waitqueue *queue) {
    queue->give = true;
    give(queue);
    if (!ring_is_empty(&queue->told))
        turn_queue(lane_of(queue), &queue->task);
    if (!queue->given && queue->armed_ones)
        look_again(queue);
}

/* ---- who was given an activity ---------------------------------------------------------------------------------- */

void waitqueue_hold(struct wait_target *target) {
    struct waitqueue *queue = target->wait->one && !target->held ? waitqueue_of(target) : NULL;
    if (!queue)
        return;
    queue->held++;
    target->held = true;
}

void waitqueue_release(struct wait_target *target) {
    struct waitqueue *queue = target->held ? waitqueue_of(target) : NULL;
    if (queue)
        queue->held--;
    target->held = false;
}

static void remember(struct waitqueue *queue, uint32_t connection) {
    queue->several = queue->several || (queue->answered && queue->answered != connection);
    queue->answered = connection;
}

void waitqueue_remember(struct wait_request *wait) {
    for (size_t i = 0; wait->one && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        struct waitqueue *queue = target->cause ? waitqueue_of(target) : NULL;
        if (queue)
            remember(queue, wait->connection);
        if (queue && target->held)
            queue->given = true;
        if (target->cause)
            target->given = false; /* its activity is used up */
    }
}

void waitqueue_forget(struct wait_request *wait) {
    for (size_t i = 0; i < wait->n; i++) {
        struct waitqueue *queue = wait->targets[i].cause ? NULL : waitqueue_of(&wait->targets[i]);
        if (!queue)
            continue;
        queue->answered = 0;
        queue->several = false;
    }
}

/* Returns the queue whose last activity this target was given, or NULL. */
static struct waitqueue *queue_given_to(const struct wait_target *target) {
    struct waitqueue *queue = target->given ? waitqueue_of(target) : NULL;
    return queue && queue->given ? queue : NULL;
}

void waitqueue_leave_to_others(struct wait_request *wait) {
    struct waitqueue *own
        [ENGINE_PROBES]; /* where the wait itself was given the activity, which counts for its other targets too */
    if (!wait->one)
        return;
    for (size_t i = 0; i < wait->n; i++) {
        own[i] = queue_given_to(&wait->targets[i]);
        if (own[i])
            own[i]->given = false;
    }
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        bool waits = wait->all ? target->held : target->armed && !target->given;
        const struct waitqueue *queue = waits && target->cause == CAUSE_READY ? waitqueue_of(target) : NULL;
        if (!queue || !queue->given)
            continue;
        target->cause = CAUSE_NONE;
        wait->ready--;
    }
    for (size_t i = 0; i < wait->n; i++)
        if (own[i])
            own[i]->given = true;
}

static bool was_given_to_one_gone(const struct user *user, const struct waitqueue *queue) {
    if (queue->several || (queue->answered && user->n_gone > USER_GONE))
        return true;
    for (unsigned i = 0; queue->answered && i < user->n_gone; i++)
        if (user->gone[i] == queue->answered)
            return true;
    return false;
}

static bool was_given_to_keeper(const struct user *user, const struct waitqueue *queue) {
    for (unsigned i = 0; queue->answered && i < user->n_keepers; i++)
        if (user->keepers[i] == queue->answered)
            return true;
    return false;
}

static void look_again(struct waitqueue *queue) {
    struct descriptor *descriptor = queue->descriptor;
    struct engine_probe probe = {descriptor->fd, direction_interest(queue->direction), 0};
    if (!queue->several)
        queue->answered = 0;
    if (extras_thread_watch(descriptor->extras)) {
        descriptor_retell(descriptor);
        return;
    }
    enum cause cause = engine_probe(&probe, 1) ? CAUSE_NONE : cause_of(probe.events, queue->direction);
    if (cause)
        waitqueue_tell(queue, (int)cause);
}

static void step_retest(struct task *task) {
    struct user *user = CONTAINER_OF(task, struct user, retest);
    struct ring *node;
    while ((node = ring_first(&user->retested))) {
        struct waitqueue *queue = CONTAINER_OF(node, struct waitqueue, pool);
        if (turn_is_over(user->lane.turns)) {
            turn_queue(&user->lane, task);
            return;
        }
        turn_spend(user->lane.turns, 1);
        ring_remove(node);
        ring_add(&user->pools, node);
        if (was_given_to_keeper(user, queue))
            queue->answered = 0;
        if (user->n_gone && was_given_to_one_gone(user, queue))
            look_again(queue);
    }
    user->n_gone = user->n_keepers = 0;
}

/* A keeper that is not listed stays remembered. */
static void list_keeper(struct user *user, uint32_t connection) {
    if (user->n_keepers < USER_GONE)
        user->keepers[user->n_keepers++] = connection;
}

static void list_gone(struct user *user, uint32_t connection) {
    if (user->n_gone < USER_GONE)
        user->gone[user->n_gone] = connection;
    if (user->n_gone <= USER_GONE)
        user->n_gone++;
}

void waitqueue_retest(struct user *user, uint32_t connection, bool keeps) {
    if (ring_is_empty(&user->pools) && ring_is_empty(&user->retested))
        return;
    if (keeps)
        list_keeper(user, connection);
    else
        list_gone(user, connection);
    ring_move_all(&user->retested, &user->pools);
    user->retest.step = step_retest;
    turn_queue(&user->lane, &user->retest);
}
