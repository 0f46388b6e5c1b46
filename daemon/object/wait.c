/* wait.c: checking, going in flight, being notified.
 *
 * A check may find a semaphore ready before the engine reports it. What one wait has seen fired must have fired
 * for all, so the check fires the semaphore (fire). A wait for one target is completed by its notification
 * (wake), not by a check: that would cost a system call, and its result would not change the answer. */
#include "wait.h"

#include "cause.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "deferred_drop.h"
#include "descriptor.h"
#include "direction.h"
#include "extras.h"
#include "inspect.h"
#include "probe.h"
#include "proto/container.h"
#include "registry.h"
#include "session_objects.h"
#include "taker.h"
#include "utlist.h"
#include "waitable.h"
#include "waitqueue.h"

#include <string.h>

enum { TARGETS_UNIT = 8 /* targets unlinked for one unit of a turn */ };

size_t wait_size(size_t n) { return sizeof(struct wait_request) + n * sizeof(struct wait_target); }

static void step(struct task *task);

struct wait_request *wait_init(void *memory, struct session_objects *owner, size_t n) {
    struct wait_request *wait = memory;
    memset(memory, 0, wait_size(n));
    wait->owner = owner;
    wait->task.step = step;
    wait->n = n;
    wait->targets = (struct wait_target *)(wait + 1);
    for (size_t i = 0; i < n; i++)
        wait->targets[i].wait = wait;
    return wait;
}

static struct lane *lane_of(const struct wait_request *wait) { return &wait->owner->account.user->lane; }

/* ---- arming ----------------------------------------------------------------------------------------------------- */

static void disarm(struct wait_target *target) {
    struct wait_request *wait = target->wait;
    bool queued = ring_has(&target->queue_node);
    struct waitqueue *queue = queued || target->held ? waitqueue_of(target) : NULL;
    if (target->armed)
        wait->missing--;
    target->armed = false;
    if (!queue)
        return;
    struct descriptor *descriptor = queue->descriptor;
    if (queued)
        waitqueue_remove(queue, target);
    if (target->given)
        waitqueue_give_on(queue);
    target->given = false;
    waitqueue_release(target);
    waitqueue_update(queue);
    /* An edge-triggered watch goes on until it is disarmed, and an epoll descriptor may not be polled for nobody; another watch ends by itself. */
    if ((wait->one || descriptor->type == INSPECT_EPOLL) && !descriptor_is_closing(descriptor))
        (void)descriptor_rearm(descriptor);
}

/* Returns false if the target cannot be watched, or not without more memory. */
static bool arm(struct wait_target *target, struct descriptor *descriptor) {
    struct wait_request *wait = target->wait;
    struct waitqueue *queue;
    bool missed;
    target->armed = true;
    wait->missing++;
    if (waitable_is_semaphore(target->of))
        return true;
    queue = waitqueue_get(descriptor, target->of->direction);
    if (!queue)
        return false;
    /* The poller thread's answer is older: there may have been an activity since. */
    missed = extras_thread_watch(descriptor->extras) && queue->cause && queue->round > target->round;
    waitqueue_add(queue, target, missed);
    return !descriptor_rearm(descriptor);
}

/* Arms every target that the last check found not ready. Returns one that cannot be armed, or NULL. */
static struct wait_target *arm_all(struct wait_request *wait) {
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        bool silent = ring_has(&target->of_node) && !target->cause && !target->armed;
        struct descriptor *descriptor = silent ? waitable_source(target->of) : NULL;
        if (descriptor && !arm(target, descriptor))
            return target;
    }
    return NULL;
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

/* Sets the cause of each target and counts the ready ones. One poll(2) covers all that it can answer. For
 * targets with a thread watch the poller thread's answer counts. */
static void look(struct wait_request *wait) {
    struct engine_probe probes[ENGINE_PROBES];
    size_t asked[ENGINE_PROBES], n = 0;
    wait->ready = 0;
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        const struct waitable *of = target->of;
        const struct descriptor *descriptor = of ? waitable_source(of) : NULL;
        target->cause = CAUSE_NONE;
        if (wait_target_is_repeat(target))
            continue;
        if (!descriptor) {
            target->cause = of ? of->cause : target->ended ? target->ended : CAUSE_READY;
            wait->ready++;
            continue;
        }
        bool threaded = extras_thread_watch(descriptor->extras);
        target->cause = (uint8_t)(descriptor->unwatched          ? CAUSE_READY
                                  : !threaded                    ? CAUSE_NONE
                                  : target->seen & TAKER_UNKNOWN ? CAUSE_RESYNC
                                                                 : cause_of(target->seen, of->direction));
        wait->lost = wait->lost || target->cause == CAUSE_RESYNC;
        target->seen = 0;
        wait->ready += target->cause != CAUSE_NONE;
        if (target->cause || threaded)
            continue;
        asked[n] = i;
        probes[n++] = (struct engine_probe){descriptor->fd, direction_interest(of->direction), 0};
    }
    if (!n || engine_probe(probes, n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct wait_target *target = &wait->targets[asked[i]];
        target->cause = (uint8_t)cause_of(probes[i].events, target->of->direction);
        wait->ready += target->cause != CAUSE_NONE;
    }
}

static bool satisfied(const struct wait_request *wait) {
    return wait->all ? wait->ready == wait->n : wait->ready > 0;
}

static void unlink_target(struct wait_target *target) {
    disarm(target);
    if (ring_has(&target->of_node))
        waitable_part(target->of, &target->of_node);
}

static void end_target(struct wait_target *target, int cause) {
    unlink_target(target);
    target->of = NULL;
    target->ended = (uint8_t)cause;
}

/* Fires the semaphores that the check found ready: all their waiters are notified, not only this wait. */
static void fire(struct wait_request *wait) {
    struct waitable *fired[ENGINE_PROBES];
    size_t n = 0;
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        struct waitable *of = target->of;
        if (!target->cause || !of || of->ended || !waitable_is_semaphore(of))
            continue;
        if (!of->cause) /* list it once, even if its id is repeated */
            fired[n++] = of;
        of->cause = target->cause;
        end_target(target, target->cause);
    }
    for (size_t i = 0; i < n; i++) {
        struct descriptor *descriptor = waitable_source(fired[i]);
        waitable_end(fired[i], fired[i]->cause);
        deferred_drop_add(descriptor->user->registry, descriptor->id);
    }
}

/* For a wait for any, a notification counts even if the descriptor has been drained since. */
static void count_told(struct wait_request *wait) {
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        if (target->told && !target->cause && (!wait->all || wait->lost)) {
            target->cause = target->told;
            wait->ready++;
        }
        target->told = 0;
    }
}

/* Gives repeated ids the cause of their first target. */
static void copy_to_repeats(struct wait_request *wait) {
    for (size_t i = 0; wait->repeated && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        wait->ready -= target->cause != CAUSE_NONE;
        target->cause = wait->targets[target->first].cause;
        wait->ready += target->cause != CAUSE_NONE;
    }
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

void wait_leave(struct wait_request *wait) {
    if (wait->probe)
        probe_leave(wait->probe);
    wait->probe = NULL;
    turn_spend(lane_of(wait)->turns, wait->n / TARGETS_UNIT);
    for (size_t i = 0; i < wait->n; i++)
        unlink_target(&wait->targets[i]);
    if (wait->inflight) {
        DL_DELETE(wait->owner->waits, wait);
        wait->owner->registry->waits--;
    }
    wait->inflight = false;
    turn_forget(&wait->task);
    loop_timer_free(&wait->timer);
}

static void finish(struct wait_request *wait) {
    wait_leave(wait);
    wait->done(wait);
}

void wait_expire(struct wait_request *wait, int cause) {
    wait_leave(wait);
    wait->ready = wait->n;
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        target->cause = target->of ? (uint8_t)cause : target->ended;
        target->of = NULL;
    }
    wait->done(wait);
}

/* The wait stays in flight: releases the queues that it held. */
static void release_queues(struct wait_request *wait) {
    for (size_t i = 0; wait->one && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        struct waitqueue *queue = target->held ? waitqueue_of(target) : NULL;
        if (!queue)
            continue;
        struct descriptor *descriptor = queue->descriptor;
        waitqueue_release(target);
        waitqueue_update(queue);
        (void)descriptor_rearm(descriptor);
    }
}

/* Checks, and completes the wait or leaves it in flight. */
static void decide(struct wait_request *wait) {
    look(wait);
    count_told(wait);
    copy_to_repeats(wait);
    waitqueue_forget(wait);
    waitqueue_leave_to_others(wait);
    copy_to_repeats(wait);
    fire(wait);
    if (satisfied(wait) || wait->lost) {
        waitqueue_remember(wait);
        finish(wait);
        return;
    }
    if (wait->last) {
        wait->ready = 0;
        finish(wait);
        return;
    }
    struct wait_target *failed = arm_all(wait);
    if (!failed) {
        release_queues(wait);
        return;
    }
    failed->cause = CAUSE_RESYNC; /* no notification would come */
    wait->ready++;
    copy_to_repeats(wait);
    finish(wait);
}

/* True if an activity has taken a target and its notification is under way: it counts although the limit passed. */
static bool is_being_told(const struct wait_request *wait) {
    for (size_t i = 0; !wait->all && i < wait->n; i++) {
        const struct wait_target *target = &wait->targets[i];
        const struct waitqueue *queue = ring_has(&target->queue_node) ? waitqueue_of(target) : NULL;
        if (queue && (wait->one ? target->given : queue->round != target->round))
            return true;
    }
    return false;
}

static void step(struct task *task) {
    struct wait_request *wait = CONTAINER_OF(task, struct wait_request, task);
    struct refusal refusal; /* ignored: it then checks without the poller thread */
    turn_spend(lane_of(wait)->turns, wait->n);
    if (wait_is_left(wait) || wait_is_probing(wait))
        return;
    if (!wait->answered && wait->last && is_being_told(wait)) {
        turn_queue(lane_of(wait), task);
        return;
    }
    if (!wait->answered && wait_probe(wait, &refusal) > 0)
        return;
    wait->answered = false;
    decide(wait);
}

static void on_timer(struct loop_timer *timer) {
    struct wait_request *wait = CONTAINER_OF(timer, struct wait_request, timer);
    wait->last = true;
    turn_queue(lane_of(wait), &wait->task);
}

/* ---- being notified --------------------------------------------------------------------------------------------- */

/* The target is ready, for its cause `told` or `ended`. */
static void wake(struct wait_target *target) {
    struct wait_request *wait = target->wait;
    turn_spend(lane_of(wait)->turns, wait->n);
    if (turn_is_queued(&wait->task) || wait_is_probing(wait)) {
        waitqueue_hold(target);
        return; /* a check will come soon */
    }
    if (wait->n == 1) {
        target->cause = target->told ? target->told : target->ended;
        wait->ready = 1;
        waitqueue_remember(wait);
        finish(wait);
    } else if (wait->lost || !wait_needs_thread(wait)) {
        decide(wait);
    } else {
        waitqueue_hold(target);
        turn_queue(lane_of(wait), &wait->task);
    }
}

void wait_tell(struct wait_target *target, int cause) {
    struct wait_request *wait = target->wait;
    turn_spend(lane_of(wait)->turns, 1);
    if (target->armed)
        wait->missing--;
    target->armed = false;
    target->told = (uint8_t)cause;
    if (wait_is_left(wait)) {
        if (target->given)
            waitqueue_give_on(waitqueue_of(target));
        target->given = false;
        return;
    }
    wait->lost = wait->lost || cause == CAUSE_RESYNC;
    if (!wait->all || wait->lost) {
        wake(target);
    } else if (!wait->missing) {
        waitqueue_hold(target);
        turn_queue(lane_of(wait), &wait->task);
    }
}

void wait_end(struct wait_target *target, int cause) {
    struct wait_request *wait = target->wait;
    const struct waitable *of = target->of;
    end_target(target, cause);
    for (size_t i = 0; wait->repeated && i < wait->n; i++)
        if (wait->targets[i].of == of)
            end_target(&wait->targets[i], cause);
    turn_spend(lane_of(wait)->turns, 1);
    if (wait_is_left(wait))
        return;
    wait->lost = wait->lost || cause == CAUSE_RESYNC;
    if (!wait->all || wait->lost)
        wake(target);
    else if (!wait->missing)
        turn_queue(lane_of(wait), &wait->task);
}

/* ---- the beginning ---------------------------------------------------------------------------------------------- */

/* A waitable's place is from any earlier wait: it counts only if this wait's target there is for it. */
static void find_repeats(struct wait_request *wait) {
    _Static_assert(ENGINE_PROBES - 1 <= UINT8_MAX, "wait_target.first and waitable.place");
    for (size_t i = 0; i < wait->n; i++) {
        struct waitable *of = wait->targets[i].of;
        bool repeat = of && of->place < i && wait->targets[of->place].of == of;
        wait->repeated = wait->repeated || repeat;
        wait->targets[i].first = repeat ? of->place : (uint8_t)i;
        if (of && !repeat)
            of->place = (uint8_t)i;
    }
}

/* Returns false if there is no memory. */
static bool link_target(struct wait_target *target) {
    struct waitable *of = target->of;
    if (!of)
        return true;
    if (of->ended) {
        end_target(target, of->cause);
        return true;
    }
    return wait_target_is_repeat(target) || waitable_join(of, &target->of_node);
}

static int go_in_flight(struct wait_request *wait, int64_t limit_us, struct refusal *refusal) {
    struct registry *registry = wait->owner->registry;
    bool linked = true;
    wait->timer.fn = on_timer;
    if (limit_us > 0 && loop_timer_set(registry->env.loop, &wait->timer, os_now_us() + limit_us))
        return refusal_memory(refusal);
    DL_APPEND(wait->owner->waits, wait);
    registry->waits++;
    wait->inflight = true;
    for (size_t i = 0; i < wait->n && linked; i++)
        linked = link_target(&wait->targets[i]);
    return linked ? 0 : refusal_memory(refusal);
}

int wait_begin(struct wait_request *wait, int64_t limit_us, struct refusal *refusal) {
    int asked;
    find_repeats(wait);
    asked = wait_probe(wait, refusal);
    turn_spend(lane_of(wait)->turns, wait->n);
    if (asked < 0)
        return -1;
    if (asked) {
        wait->last = limit_us == 0;
        if (!go_in_flight(wait, limit_us, refusal))
            return 0;
        wait_leave(wait);
        return -1;
    }
    look(wait);
    copy_to_repeats(wait);
    fire(wait);
    waitqueue_forget(wait);
    if (satisfied(wait)) {
        waitqueue_remember(wait);
        return 1;
    }
    if (limit_us == 0) {
        wait->ready = 0;
        return 1;
    }
    if (!go_in_flight(wait, limit_us, refusal)) {
        if (!arm_all(wait))
            return 0;
        refusal_set(refusal, REFUSAL_LIMIT, NULL, NULL, "the broker cannot watch more descriptors");
    }
    wait_leave(wait);
    return -1;
}
