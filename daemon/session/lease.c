/* lease.c: owners that exit, and the time to live. */
#include "lease.h"

#include "owner.h"
#include "proto/container.h"
#include "utlist.h"

#include <stddef.h>

/* The loop's clock stands still while the machine is suspended. So a time to live ends this much late at most: */
static const int64_t look_us = INT64_C(120000000);

static int set_timer(struct lease *lease) {
    int64_t left = lease_left(lease);
    return loop_timer_set(lease->loop, &lease->timer, os_now_us() + (left < look_us ? left : look_us));
}

static void on_limit(struct loop_timer *timer) {
    struct lease *lease = CONTAINER_OF(timer, struct lease, timer);
    if (lease_left(lease))
        (void)set_timer(lease); /* it has its memory */
    else
        lease->ended(lease);
}

int64_t lease_left(const struct lease *lease) {
    int64_t now = lease->until ? os_boot_us() : 0;
    return lease->until > now ? lease->until - now : 0;
}

void lease_init(struct lease *lease, struct closer *closer, struct account *account, os_uid uid,
                void (*ended)(struct lease *lease)) {
    *lease = (struct lease){.ended = ended, .closer = closer, .account = account, .uid = uid};
}

int64_t lease_until(int64_t ttl_us) {
    int64_t now = os_boot_us();
    return ttl_us > INT64_MAX - now ? INT64_MAX : now + ttl_us;
}

int lease_prepare(struct lease *lease, struct loop *loop) {
    int error = loop_timer_prepare(loop, &lease->timer);
    if (error)
        return error;
    lease->timer.fn = on_limit;
    lease->loop = loop;
    return 0;
}

int lease_limit(struct lease *lease, struct loop *loop, int64_t ttl_us) {
    int error = lease_prepare(lease, loop);
    if (error)
        return error;
    lease->until = lease_until(ttl_us);
    return set_timer(lease);
}

void lease_unlimit(struct lease *lease) {
    lease->until = 0;
    loop_timer_clear(&lease->timer);
}

void lease_replace(struct lease *lease, struct lease *next) {
    struct owner *owner;
    while (lease->owners)
        owner_remove(lease->owners);
    DL_FOREACH (next->owners, owner)
        owner->lease = lease;
    lease->owners = next->owners;
    next->owners = NULL;
    lease->until = next->until;
    if (lease->until)
        (void)set_timer(lease); /* it has its memory */
    else
        loop_timer_clear(&lease->timer);
}

void lease_owner_ended(struct owner *owner) {
    struct lease *lease = owner->lease;
    lease->owner_pid = owner->process.pid;
    owner_remove(owner);
    if (!lease->owners)
        lease->ended(lease);
}

uint32_t lease_owner_pid(const struct lease *lease) {
    const struct owner *owner;
    DL_FOREACH (lease->owners, owner)
        if (owner->process.pid)
            return owner->process.pid;
    return 0;
}

bool lease_bound(const struct lease *lease) { return lease->owners || lease->until; }

void lease_deinit(struct lease *lease) {
    while (lease->owners)
        owner_remove(lease->owners);
    loop_timer_free(&lease->timer);
}
