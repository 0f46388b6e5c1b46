/* lease.h: when a session ends: with the last of its owner processes, when its time is over, or (with neither) with its last connection. */
#ifndef LEASE_H
#define LEASE_H

#include "daemon/loop/loop.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stdint.h>

struct account;
struct closer;
struct owner;

struct lease {
    void (*ended)(struct lease *lease); /* the owners are dead, or the time is over */
    struct owner *owners;               /* those that live */
    uint32_t owner_pid;                 /* the last of them that was seen to end */
    int64_t until;                      /* 0: no limit */
    struct closer *closer;              /* of the pidfds of owners */
    struct account *account;            /* each owner is charged as a descriptor */
    os_uid uid;                         /* whose session it is */
    struct loop_timer timer;
};

void lease_init(struct lease *lease, struct closer *closer, struct account *account, os_uid uid,
                void (*ended)(struct lease *lease));

/* Ends after ttl_us. 0 or -ENOMEM. */
int lease_limit(struct lease *lease, struct loop *loop, int64_t ttl_us);

/* For owners_init: it is removed, and with the last one the lease ends. */
void lease_owner_ended(struct owner *owner);

/* The number of the first owner that can be seen; 0: none. */
uint32_t lease_owner_pid(const struct lease *lease);

bool lease_bound(const struct lease *lease); /* it has an owner or a limit */
void lease_deinit(struct lease *lease);

#endif
