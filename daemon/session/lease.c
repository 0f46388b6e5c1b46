/* lease.c: watching an owner die, and the clock. */
#include "lease.h"

#include "daemon/object/registry.h"

#include <stddef.h>

static void on_owner(struct loop_watch *watch, unsigned events) {
    struct lease *lease = (struct lease *)((char *)watch - offsetof(struct lease, watch));
    (void)events;
    lease->ended(lease);
}

static void on_limit(struct loop_timer *timer) {
    struct lease *lease = (struct lease *)((char *)timer - offsetof(struct lease, timer));
    lease->ended(lease);
}

void lease_init(struct lease *lease, struct registry *registry, uint32_t uid,
                void (*ended)(struct lease *lease)) {
    *lease = (struct lease){.ended = ended, .owner = OS_FD_NONE, .registry = registry, .uid = uid};
}

int lease_own(struct lease *lease, struct loop *loop, os_fd pidfd, uint64_t key, uint32_t pid) {
    int error;
    lease->watch.fd = pidfd;
    lease->watch.fn = on_owner;
    error = loop_watch(loop, &lease->watch, LOOP_READ);
    if (error)
        return error;
    lease->owner = pidfd;
    lease->owner_key = key;
    lease->owner_pid = pid;
    return 0;
}

int lease_limit(struct lease *lease, struct loop *loop, int64_t ttl_us) {
    int64_t now = os_now_us();
    lease->until = ttl_us > INT64_MAX - now ? INT64_MAX : now + ttl_us;
    lease->timer.fn = on_limit;
    return loop_timer_set(loop, &lease->timer, lease->until);
}

bool lease_bound(const struct lease *lease) { return lease->owner != OS_FD_NONE || lease->until; }

static void on_closed(void *slots) { slots_give(slots, 1); }

/* A pidfd that was attached may lie in an epoll of somebody's, so a worker closes it. */
void lease_deinit(struct lease *lease) {
    if (lease->owner != OS_FD_NONE) {
        loop_unwatch(&lease->watch);
        closer_close(lease->registry->closer, lease->owner, lease->uid, on_closed, lease->registry->slots);
        lease->owner = OS_FD_NONE;
    }
    loop_timer_free(&lease->timer);
}
