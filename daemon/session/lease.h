/* lease.h: when a session ends: with its last owner process or when its time to live is over; with neither, with its last
 * connection. */
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
    void (*ended)(struct lease *lease); /* the last owner has exited, or the time is over */
    struct owner *owners;               /* those that have not exited */
    uint32_t owner_pid;                 /* pid of the last one that exited, for the log */
    int64_t until;                      /* os_boot_us: suspend counts. 0: no limit */
    struct closer *closer;              /* closes the owners' pidfds */
    struct account *account;            /* charged one descriptor per owner */
    os_uid uid;
    struct loop *loop; /* once there was a limit */
    struct loop_timer timer;
};

void lease_init(struct lease *lease, struct closer *closer, struct account *account, os_uid uid,
                void (*ended)(struct lease *lease));

/* Sets the time to live. 0; or -ENOMEM, and nothing has changed. */
int lease_limit(struct lease *lease, struct loop *loop, int64_t ttl_us);

/* Takes the time to live back. */
void lease_unlimit(struct lease *lease);

/* When such a time to live that begins now is over: for `until`. */
int64_t lease_until(int64_t ttl_us);

/* What lease_replace needs. 0 or -ENOMEM. */
int lease_prepare(struct lease *lease, struct loop *loop);

/* Takes the owners and the time of `next`, a lease of the same account that is not in force, in place of its own. */
void lease_replace(struct lease *lease, struct lease *next);

/* The rest of it; 0: none, or it is over. */
int64_t lease_left(const struct lease *lease);

/* The callback for owners_init. Removes the owner; with the last one the lease ends. */
void lease_owner_ended(struct owner *owner);

/* The pid of the first owner that has one here; 0: none. */
uint32_t lease_owner_pid(const struct lease *lease);

bool lease_bound(const struct lease *lease); /* it has an owner or a time to live */
void lease_deinit(struct lease *lease);

#endif
