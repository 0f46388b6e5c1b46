/* wait.c: looking, parking, waking. */
#include "wait.h"

#include "guard.h"
#include "utlist.h"

#include <string.h>

static const uint8_t interests[2] = {ENGINE_READ, ENGINE_WRITE};

size_t wait_size(size_t n) { return sizeof(struct wait) + n * sizeof(struct wait_target); }

struct wait *wait_init(void *memory, struct belongings *owner, size_t n) {
    struct wait *wait = memory;
    memset(memory, 0, wait_size(n));
    wait->owner = owner;
    wait->n = n;
    wait->targets = (struct wait_target *)(wait + 1);
    for (size_t i = 0; i < n; i++)
        wait->targets[i].wait = wait;
    return wait;
}

static struct guard *guard_of(const struct wait_target *target) {
    return target->of && target->of->descriptor ? target->of->descriptor->guard : NULL;
}

/* Fills the cause of each target and counts the ready ones. What only poll(2) knows is asked for all of them at once; of the guarded ones
 * is known what the sentry has answered for this look. */
static void look(struct wait *wait) {
    struct engine_probe probes[ENGINE_PROBES];
    size_t asked[ENGINE_PROBES], n = 0;
    wait->ready = 0;
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        const struct indicator *of = target->of;
        if (!of || !of->descriptor) {
            target->cause = of ? of->cause : target->ended ? target->ended : CAUSE_READY;
            wait->ready++;
            continue;
        }
        target->cause = (uint8_t)(of->descriptor->unwatched ? CAUSE_READY
                                  : of->descriptor->guard   ? indicator_cause_of(target->seen, of->direction)
                                                            : CAUSE_NONE);
        target->seen = 0;
        if (target->cause)
            wait->ready++;
        if (target->cause || of->descriptor->guard)
            continue;
        asked[n] = i;
        probes[n++] = (struct engine_probe){of->descriptor->fd, interests[of->direction], 0};
    }
    if (!n || engine_probe(probes, n))
        return;
    for (size_t i = 0; i < n; i++) {
        struct wait_target *target = &wait->targets[asked[i]];
        target->cause = (uint8_t)indicator_cause_of(probes[i].events, target->of->direction);
        if (target->cause)
            wait->ready++;
    }
}

static bool satisfied(const struct wait *wait) {
    return wait->all ? wait->ready == wait->n : wait->ready > 0;
}

/* The indicator has ended, or is about to: what the wait has to say of it is known, and it may be freed. */
static void let_go(struct wait *wait, const struct indicator *of, int cause) {
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        if (target->of != of)
            continue;
        if (target->linked)
            DL_DELETE(target->of->waiters, target);
        target->linked = target->armed = false;
        target->of = NULL;
        target->ended = (uint8_t)cause;
    }
}

/* A semaphore that a look found ready has fired: everybody is told, not only this wait. */
static void fire(struct wait *wait) {
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        struct descriptor *descriptor = target->of ? target->of->descriptor : NULL;
        if (!target->cause || !descriptor || !indicator_is_semaphore(target->of))
            continue;
        struct indicator *semaphore = target->of;
        let_go(wait, semaphore, target->cause);
        indicator_end(semaphore, target->cause);
        descriptor_settle(descriptor);
    }
}

/* In a look after a wake a semaphore counts only once it has fired, since firing it here would wake others from within. */
static void forget_unfired(struct wait *wait) {
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        if (!target->cause || !target->of || !target->of->descriptor || !indicator_is_semaphore(target->of))
            continue;
        target->cause = CAUSE_NONE;
        wait->ready--;
    }
}

static void link_target(struct wait_target *target) {
    struct indicator *of = target->of;
    if (!of)
        return;
    if (!of->descriptor) {
        let_go(target->wait, of, of->cause);
        return;
    }
    /* A repeated id would be the newest waiter of the same indicator. */
    if (of->waiters && of->waiters->prev->wait == target->wait)
        return;
    DL_APPEND(of->waiters, target);
    target->linked = true;
}

/* What is not ready is watched from now on. False: the engine fails; whoever is parked will be woken. */
static bool arm_targets(struct wait *wait) {
    bool armed = true;
    for (size_t i = 0; i < wait->n; i++)
        if (wait->targets[i].linked)
            wait->targets[i].armed = !wait->targets[i].cause;
    for (size_t i = 0; i < wait->n && armed; i++) {
        struct wait_target *target = &wait->targets[i];
        if (target->armed && !indicator_is_semaphore(target->of))
            armed = !descriptor_rearm(target->of->descriptor);
    }
    return armed;
}

void wait_leave(struct wait *wait) {
    if (wait->ask)
        ask_leave(wait->ask);
    wait->ask = NULL;
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        if (!target->linked)
            continue;
        DL_DELETE(target->of->waiters, target);
        target->linked = target->armed = false;
        /* Watching by edges has an end only if somebody ends it; a one-shot watch ends by itself. */
        if (wait->one && target->of->descriptor)
            descriptor_rearm(target->of->descriptor);
    }
    if (wait->parked) {
        DL_DELETE(wait->owner->waits, wait);
        wait->owner->registry->waits--;
    }
    wait->parked = false;
    loop_timer_free(&wait->timer);
}

static void finish(struct wait *wait) {
    wait_leave(wait);
    wait->done(wait);
}

void wait_end(struct wait *wait, int cause) {
    wait_leave(wait);
    wait->ready = wait->n;
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        target->cause = target->of ? (uint8_t)cause : target->ended;
        target->of = NULL;
    }
    wait->done(wait);
}

/* Wake-one: whose connection it was that got this activity. */
static void remember(struct wait *wait) {
    for (size_t i = 0; wait->one && i < wait->n; i++) {
        struct indicator *of = wait->targets[i].of;
        if (!of || !wait->targets[i].cause)
            continue;
        of->several = of->several || (of->answered && of->answered != wait->connection);
        of->answered = wait->connection;
    }
}

static void on_timer(struct loop_timer *timer) {
    struct wait *wait = (struct wait *)((char *)timer - offsetof(struct wait, timer));
    wait->last = true;
    if (wait->ask)
        return;
    /* Readiness that came in the same turn counts before the limit does. */
    wait->busy = true;
    look(wait);
    if (satisfied(wait))
        remember(wait);
    else
        wait->ready = 0;
    wait_leave(wait);
    if (wait->ready)
        fire(wait);
    wait->done(wait);
}

/* What is idle has nothing left of what anybody was answered for. */
static void forget_answered(struct wait *wait) {
    for (size_t i = 0; i < wait->n; i++) {
        struct indicator *of = wait->targets[i].of;
        if (!of || wait->targets[i].cause)
            continue;
        of->answered = 0;
        of->several = false;
    }
}

/* What woke the wait while it looked counts for one of several, though it was drained since. */
static void count_told(struct wait *wait) {
    for (size_t i = 0; i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        if (target->told && !target->cause && !wait->all) {
            target->cause = target->told;
            wait->ready++;
        }
        target->told = 0;
    }
}

static bool is_about(const struct engine_probe *probe, const struct indicator *of) {
    return probe->fd == of->descriptor->fd && probe->interest == interests[of->direction];
}

static void on_answered(struct ask *ask, void *owner, bool known) {
    struct wait *wait = owner;
    size_t at = 0;
    wait->ask = NULL;
    wait->first = false;
    /* Those that were asked about and have ended since are not guarded any more, so number and direction tell. */
    for (size_t i = 0; known && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        while (guard_of(target) && at < ask->n && !is_about(&ask->probes[at], target->of))
            at++;
        if (guard_of(target) && at < ask->n)
            target->seen = ask->probes[at++].events;
    }
    wait->busy = true;
    look(wait);
    count_told(wait);
    fire(wait);
    wait->busy = false;
    forget_answered(wait);
    if (satisfied(wait)) {
        remember(wait);
        finish(wait);
    } else if (wait->last) {
        wait->ready = 0;
        finish(wait);
    } else {
        arm_targets(wait);
    }
}

/* Asks the sentry about the guarded targets. 1; 0: there are none, or no answer can be expected; -1: the refusal. */
static int ask_sentry(struct wait *wait, struct refusal *refusal) {
    struct sentry *sentry = NULL;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < wait->n; i++) {
        const struct guard *guard = guard_of(&wait->targets[i]);
        if (!guard)
            continue;
        sentry = guard->sentry; /* of one uid, so the same for all */
        n++;
    }
    if (!n || sentry_is_late(sentry))
        return 0;
    wait->ask = ask_new(wait->owner->registry, wait->owner->account.user, n, refusal);
    if (!wait->ask)
        return -1;
    for (size_t i = 0; i < wait->n; i++) {
        const struct wait_target *target = &wait->targets[i];
        if (guard_of(target))
            wait->ask->probes[at++] =
                (struct engine_probe){target->of->descriptor->fd, interests[target->of->direction], 0};
    }
    wait->ask->owner = wait;
    wait->ask->answered = on_answered;
    ask_start(wait->ask, sentry);
    return 1;
}

static int park(struct wait *wait, int64_t limit_us, struct refusal *refusal) {
    struct registry *registry = wait->owner->registry;
    wait->timer.fn = on_timer;
    if (limit_us > 0 && loop_timer_set(registry->loop, &wait->timer, os_now_us() + limit_us))
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, NULL, "the broker is out of memory");
    DL_APPEND(wait->owner->waits, wait);
    registry->waits++;
    wait->parked = true;
    for (size_t i = 0; i < wait->n; i++)
        link_target(&wait->targets[i]);
    return 0;
}

int wait_begin(struct wait *wait, int64_t limit_us, struct refusal *refusal) {
    int asked = ask_sentry(wait, refusal);
    if (asked < 0)
        return -1;
    if (asked) {
        wait->first = true;
        wait->last = limit_us == 0;
        if (!park(wait, limit_us, refusal))
            return 0;
        wait_leave(wait);
        return -1;
    }
    wait->busy = true;
    look(wait);
    fire(wait);
    wait->busy = false;
    forget_answered(wait);
    if (satisfied(wait)) {
        remember(wait);
        return 1;
    }
    if (limit_us == 0) {
        wait->ready = 0;
        return 1;
    }
    if (park(wait, limit_us, refusal))
        return -1;
    if (arm_targets(wait))
        return 0;
    wait_leave(wait);
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, NULL, "the broker cannot watch any more descriptors");
}

/* The target's indicator is ready for that cause. Several at once are answered together. What was drained since counts for
 * one of several, but not for all of them at once. */
static void look_again(struct wait_target *trigger, int cause) {
    struct wait *wait = trigger->wait;
    if (wait->n > 1) {
        look(wait);
        forget_unfired(wait);
    } else {
        wait->ready = 0;
        trigger->cause = CAUSE_NONE;
    }
    if (!trigger->cause && (!wait->all || wait->n == 1 || cause == CAUSE_RESYNC)) {
        trigger->cause = (uint8_t)cause;
        wait->ready++;
    }
}

static bool is_guarded(const struct wait *wait) {
    for (size_t i = 0; i < wait->n; i++)
        if (guard_of(&wait->targets[i]))
            return true;
    return false;
}

/* Looks and is done, or stays. True if the wait is done (and gone). */
static bool wake_now(struct wait_target *target, int cause) {
    struct wait *wait = target->wait;
    look_again(target, cause);
    /* Without the engine nobody would look again: the wait is done with what there is. */
    if (satisfied(wait) || cause == CAUSE_RESYNC) {
        remember(wait);
        finish(wait);
        return true;
    }
    if (!wait->last) {
        arm_targets(wait);
        return false;
    }
    wait->ready = 0;
    finish(wait);
    return true;
}

/* True if the wait is done (and gone), or will be for this wake. */
static bool wake(struct wait_target *target, int cause) {
    struct wait *wait = target->wait;
    struct refusal refusal; /* to be looked at without an answer */
    bool guarded;
    if (!target->of->descriptor)
        let_go(wait, target->of, cause);
    if (wait->busy)
        return false;
    guarded = is_guarded(wait);
    if (wait->ask && guarded && wait->first)
        return false;
    if (guarded && (wait->ask || (wait->n > 1 && cause != CAUSE_RESYNC && ask_sentry(wait, &refusal) > 0))) {
        target->told = (uint8_t)cause;
        return !wait->all;
    }
    if (wait->ask) { /* all that it asked about has ended: at the end of a session nobody may be left waiting */
        ask_leave(wait->ask);
        wait->ask = NULL;
    }
    return wake_now(target, cause);
}

void wait_wake(struct indicator *indicator, int cause) {
    struct wait_target *target, *next;
    bool one_done = false;
    bool ended = !indicator->descriptor;
    DL_FOREACH_SAFE (indicator->waiters, target, next) {
        bool one = target->wait->one;
        if (one && one_done && !ended)
            continue;
        if (wake(target, cause) && one)
            one_done = true;
    }
}

bool wait_wants(const struct indicator *evt, bool *edge) {
    const struct wait_target *target;
    bool wants = false;
    DL_FOREACH (evt->waiters, target) {
        wants = wants || target->armed;
        if (!target->wait->one)
            continue;
        *edge = true;
        break;
    }
    return wants || *edge;
}

void wait_retest(struct indicator *evt, uint32_t connection) {
    struct engine_probe probe;
    if (evt->answered != connection && !evt->several)
        return;
    if (!evt->several)
        evt->answered = 0;
    if (!evt->descriptor || !evt->waiters)
        return;
    if (evt->descriptor->guard) {
        descriptor_retell(evt->descriptor);
        return;
    }
    probe = (struct engine_probe){evt->descriptor->fd, interests[evt->direction], 0};
    if (engine_probe(&probe, 1))
        return;
    enum cause cause = indicator_cause_of(probe.events, evt->direction);
    if (cause)
        wait_wake(evt, (int)cause);
}
