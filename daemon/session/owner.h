/* owner.h: the processes that a session ends with, and the session that a process finds.
 *
 * An owner is a pidfd, of which the loop tells when its process has ended. A session may have several, and ends with the last one. A
 * process finds, for each uid, one of the sessions that it owns, in one look whatever the number of sessions: the one that it came to own first.
 * Those that were made with `new` it does not find. */
#ifndef OWNER_H
#define OWNER_H

#include "daemon/base/table.h"
#include "daemon/loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

enum { OWNERS_MAX = 8 }; /* that one hello names */

struct lease;
struct refusal;
struct owner;

/* Who owns what, by uid and process. */
struct owners {
    struct table processes;
    void (*ended)(struct owner *owner); /* its process has */
    uint64_t seed;
};

/* What a hello says of a process. */
struct owner_process {
    os_fd fd;     /* pidfd */
    uint64_t key; /* tells the process from all others that live */
    uint32_t pid; /* 0: not visible from here */
};

struct owner {
    struct loop_watch watch;
    void (*ended)(struct owner *owner);
    struct lease *lease;
    struct owner_process process;
    struct owner *prev, *next;               /* the lease's, in the order in which they came */
    struct owning *owning;                   /* NULL: it is not found */
    struct owner *owning_prev, *owning_next; /* those of the same uid and process, oldest first */
};

/* 0 or a negative errno. */
int owners_init(struct owners *owners, void (*ended)(struct owner *owner));
void owners_deinit(struct owners *owners); /* no session is left */

/* The lease of the session that this process finds for that uid; NULL: none. */
struct lease *owners_find(const struct owners *owners, os_uid uid, uint64_t key);

/* The process owns it already. */
bool owner_has(const struct owners *owners, const struct lease *lease, uint64_t key);

/* One more owner, which is `found` or not, and on the account of its lease. Takes the pidfd (a taken slot) on success; on failure it stays the
 * caller's. 0, or -1 and the refusal. */
int owner_add(struct owners *owners, struct lease *lease, struct loop *loop,
              const struct owner_process *process, bool found, struct refusal *refusal);

/* A worker closes the pidfd: one that was attached may lie in an epoll of somebody's. */
void owner_remove(struct owner *owner);

#endif
