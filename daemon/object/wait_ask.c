/* wait_ask.c: asking a sentry about the targets of a wait that only it may look at. */
#include "ask.h"
#include "belongings.h"
#include "daemon/access/user.h"
#include "descriptor.h"
#include "direction.h"
#include "extras.h"
#include "guard.h"
#include "indicator.h"
#include "registry.h"
#include "wait.h"

static struct guard *guard_of(const struct wait_target *target) {
    const struct descriptor *descriptor = target->of ? indicator_source(target->of) : NULL;
    return descriptor ? extras_guard(descriptor->extras) : NULL;
}

bool wait_is_guarded(const struct wait_request *wait) {
    for (size_t i = 0; i < wait->n; i++)
        if (guard_of(&wait->targets[i]))
            return true;
    return false;
}

static bool is_about(const struct engine_probe *probe, const struct indicator *of) {
    return probe->fd == indicator_source(of)->fd && probe->interest == direction_interest(of->direction);
}

static void on_answered(struct ask *ask, void *owner, bool known) {
    struct wait_request *wait = owner;
    size_t at = 0;
    wait->ask = NULL;
    /* Those that were asked about and have ended since are not guarded any more, so number and direction tell. */
    for (size_t i = 0; known && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        while (guard_of(target) && at < ask->n && !is_about(&ask->probes[at], target->of))
            at++;
        if (guard_of(target) && at < ask->n)
            target->seen = ask->probes[at++].events;
    }
    wait->answered = true;
    turn_queue(&wait->owner->account.user->lane, &wait->task);
}

int wait_ask(struct wait_request *wait, struct refusal *refusal) {
    struct sentry *sentry = NULL;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < wait->n; i++) {
        const struct guard *guard = guard_of(&wait->targets[i]);
        if (!guard)
            continue;
        if (!wait->targets[i].armed)
            wait->targets[i].round = wait->owner->registry->rounds;
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
            wait->ask->probes[at++] = (struct engine_probe){indicator_source(target->of)->fd,
                                                            direction_interest(target->of->direction), 0};
    }
    wait->ask->owner = wait;
    wait->ask->answered = on_answered;
    ask_start(wait->ask, sentry);
    return 1;
}

bool wait_is_asking(struct wait_request *wait) {
    if (wait->ask && !wait_is_guarded(wait)) {
        ask_leave(wait->ask);
        wait->ask = NULL;
    }
    return wait->ask;
}
