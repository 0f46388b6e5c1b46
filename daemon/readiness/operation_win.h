/* operation_win.h: operations of the system that complete when a handle is ready, for iocp.c.
 *
 * An operation's end comes through the completion port, once. While it is pending the system may write to it, so its memory stays until that packet was taken:
 * operation_drop may be called at any time, and the handle closed after it at once. */
#ifndef OPERATION_WIN_H
#define OPERATION_WIN_H

#include "afd_win.h"
#include "kind_win.h"
#include "nt_win.h"

#include <stdbool.h>
#include <stdint.h>

/* A handle of the driver of sockets, for some polls. */
struct afd_group {
    HANDLE afd;
    size_t used;
    struct afd_group *prev, *next;
};

/* Those of one engine. */
struct operations {
    HANDLE port;
    struct afd_group *groups; /* those with room first */
    struct engine_operation *all;
};

struct engine_operation {
    IO_STATUS_BLOCK status; /* the first member: its address is what the port gives back */
    struct afd_poll poll;   /* of a socket */
    struct afd_group *group;
    struct operations *operations;
    HANDLE event; /* of a pipe */
    HANDLE wait;  /* registered, or NULL */
    enum kind kind;
    unsigned interest;
    unsigned events; /* once it was taken */
    unsigned vain;   /* how often in a row it was over */
    bool pending, dropped;
    volatile LONG posted; /* by the registered wait */
    struct engine_operation *prev, *next;
    uint64_t key; /* the handle; from here the engine's */
    uint64_t token;
    bool is_kept, is_looked_at;
    struct engine_operation *look_prev, *look_next;
};

/* 0 or a negative errno. */
int operations_init(struct operations *operations);

/* Drops all and waits until they have ended. False: some have not, so their memory and the port are left as they are. */
bool operations_end(struct operations *operations);

/* One that is not pending; NULL: no memory. */
struct engine_operation *operation_new(struct operations *operations, os_fd fd, enum kind kind);

static inline os_fd operation_fd(const struct engine_operation *operation) {
    return (os_fd)(uintptr_t)operation->key;
}

/* It must not be pending; interest is set. 0, ENGINE_E_UNSUPPORTED or a negative errno, and then it is not pending. -EAGAIN: it is a pipe to which no client has
 * come yet. */
int operation_start(struct engine_operation *operation);

/* The same for a waitable that is known to be signalled. */
int operation_start_ready(struct engine_operation *operation);

/* Cancels it. It is freed, if not now, once its packet was taken. */
void operation_drop(struct engine_operation *operation);

/* Its packet was taken from the port: it is no longer pending. False: it had been dropped, and is gone. */
bool operation_take(struct engine_operation *operation);

/* Sets `events` of operations that were taken, ENGINE_READ to ENGINE_ERROR: what they tell, if it still holds. The system has noticed it some time ago, and no
 * older event may follow what a callback has probed since (loop.h). 0: it is over. At most ENGINE_PROBES. */
void operations_check(struct engine_operation *const *operations, size_t n);

#endif
