/* wait_probe.c: asks the poller thread about a wait's targets that only it may poll. */
#include "daemon/access/user.h"
#include "descriptor.h"
#include "direction.h"
#include "extras.h"
#include "probe.h"
#include "registry.h"
#include "session_objects.h"
#include "taker.h"
#include "thread_watch.h"
#include "wait.h"
#include "waitable.h"

static struct thread_watch *thread_watch_of(const struct wait_target *target) {
    const struct descriptor *descriptor = target->of ? waitable_source(target->of) : NULL;
    return descriptor ? extras_thread_watch(descriptor->extras) : NULL;
}

bool wait_needs_thread(const struct wait_request *wait) {
    for (size_t i = 0; i < wait->n; i++)
        if (thread_watch_of(&wait->targets[i]))
            return true;
    return false;
}

static bool is_about(const struct engine_probe *probe, const struct waitable *of) {
    return probe->fd == waitable_source(of)->fd && probe->interest == direction_interest(of->direction);
}

static void on_answered(struct probe *probe, void *owner, bool known) {
    struct wait_request *wait = owner;
    size_t at = 0;
    wait->probe = NULL;
    /* Targets that have ended since the question have no thread watch any more. So answers are matched by fd
     * and direction. */
    for (size_t i = 0; known && i < wait->n; i++) {
        struct wait_target *target = &wait->targets[i];
        while (thread_watch_of(target) && at < probe->n && !is_about(&probe->probes[at], target->of))
            at++;
        if (!thread_watch_of(target) || at == probe->n)
            continue;
        target->seen = probe->probes[at++].events;
        if (target->seen & TAKER_UNKNOWN) /* nor may it stay armed for others */
            descriptor_retell(waitable_source(target->of));
    }
    wait->answered = true;
    turn_queue(&wait->owner->account.user->lane, &wait->task);
}

int wait_probe(struct wait_request *wait, struct refusal *refusal) {
    struct poller *poller = NULL;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < wait->n; i++) {
        const struct thread_watch *thread_watch = thread_watch_of(&wait->targets[i]);
        if (!thread_watch)
            continue;
        if (!wait->targets[i].armed)
            wait->targets[i].round = wait->owner->registry->rounds;
        poller = thread_watch->poller; /* one uid, so the same for all */
        n++;
    }
    if (!n || poller_is_late(poller))
        return 0;
    wait->probe = probe_new(wait->owner->registry, wait->owner->account.user, n, refusal);
    if (!wait->probe)
        return -1;
    for (size_t i = 0; i < wait->n; i++) {
        const struct wait_target *target = &wait->targets[i];
        if (!thread_watch_of(target))
            continue;
        wait->probe->types[at] = waitable_source(target->of)->type;
        wait->probe->probes[at++] = (struct engine_probe){waitable_source(target->of)->fd,
                                                          direction_interest(target->of->direction), 0};
    }
    wait->probe->owner = wait;
    wait->probe->answered = on_answered;
    probe_start(wait->probe, poller);
    return 1;
}

bool wait_is_probing(struct wait_request *wait) {
    if (wait->probe && !wait_needs_thread(wait)) {
        probe_leave(wait->probe);
        wait->probe = NULL;
    }
    return wait->probe;
}
