/* lease.h: when a session ends: with its owner process, when its time is over, or (with neither) with its last connection. */
#ifndef LEASE_H
#define LEASE_H

#include "daemon/access/user.h"
#include "daemon/loop/loop.h"

#include <stdbool.h>

struct registry;

struct lease {
    void (*ended)(struct lease *lease); /* the owner is dead, or the time is over */
    os_fd owner;                        /* pidfd, or OS_FD_NONE */
    uint64_t owner_key;                 /* tells its process from all others that live */
    uint32_t owner_pid;                 /* 0: none, or not visible from here */
    int64_t until;                      /* 0: no limit */
    struct registry *registry;
    uint32_t uid; /* whose session it is */
    struct loop_watch watch;
    struct loop_timer timer;
};

void lease_init(struct lease *lease, struct registry *registry, uint32_t uid,
                void (*ended)(struct lease *lease));

/* Takes the pidfd (a taken slot) on success; on failure it stays the caller's. 0 or a negative errno. */
int lease_own(struct lease *lease, struct loop *loop, os_fd pidfd, uint64_t key, uint32_t pid);

/* Ends after ttl_us. 0 or -ENOMEM. */
int lease_limit(struct lease *lease, struct loop *loop, int64_t ttl_us);

bool lease_bound(const struct lease *lease); /* it has an owner or a limit */
void lease_deinit(struct lease *lease);

#endif
