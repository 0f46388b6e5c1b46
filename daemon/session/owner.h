/* owner.h: the processes with which a session ends, and by which it is found.
 *
 * An owner is a pidfd; the loop reports when its process has exited. A session may have several, and ends with the last. A
 * process finds, per uid, one of the sessions that it owns, at constant cost: the one that it came to own first. Sessions made
 * with `new` are not found. */
#ifndef OWNER_H
#define OWNER_H

#include "daemon/access/kept.h"
#include "daemon/base/table.h"
#include "daemon/loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

enum { OWNERS_MAX = 8 }; /* in one hello */

struct lease;
struct refusal;
struct owner;

/* The owners of all sessions, by uid and process. */
struct owners {
    struct table processes;
    void (*ended)(struct owner *owner); /* called when its process has exited */
    uint64_t seed;
};

/* A process that a hello names. */
struct owner_process {
    os_fd fd;     /* pidfd */
    uint64_t key; /* unique among living processes */
    uint32_t pid; /* 0: not visible in the broker's pid namespace */
};

struct owner {
    struct loop_watch watch;
    void (*ended)(struct owner *owner);
    struct lease *lease;
    struct kept kept; /* charge; the slot goes with the pidfd */
    struct owner_process process;
    uint8_t place;             /* among the session's, from 1, once the keeper has it; 0: it has not */
    struct owner *prev, *next; /* lease->owners, in order of arrival */
    struct owning *owning;     /* NULL: the process does not find the session */
    struct owner *owning_prev, *owning_next; /* owners of the same uid and process, oldest first */
};

/* 0 or a negative errno. */
int owners_init(struct owners *owners, void (*ended)(struct owner *owner));
void owners_deinit(struct owners *owners); /* when no session is left */

/* The lease of the session that this process finds for that uid; NULL: none. */
struct lease *owners_find(const struct owners *owners, os_uid uid, uint64_t key);

/* Whether the process owns that session already. */
bool owner_has(const struct owners *owners, const struct lease *lease, uint64_t key);

/* Adds an owner, charged to the lease's account. found: its process finds the session. Takes the pidfd (a taken slot) on success;
 * on failure it stays the caller's. 0, or -1 and the refusal. */
int owner_add(struct owners *owners, struct lease *lease, struct loop *loop,
              const struct owner_process *process, bool found, struct refusal *refusal);

/* A worker closes the pidfd: an attached one may be in a client's epoll descriptor, so that its close can block. */
void owner_remove(struct owner *owner);

#endif
