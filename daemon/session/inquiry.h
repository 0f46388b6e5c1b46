/* inquiry.h: what only /proc tells of processes, asked by a worker before a hello, or a put or a renewal with a process, is handled.
 *
 * fdinfo of a pidfd tells whether the client is in the broker's pid namespace, and before Linux 6.13 which process an attached pidfd is of. To read it the
 * kernel walks all file locks on the pidfd's inode, and waits while another process has it walk them: anybody can put a million there. So the
 * hello stays in the channel while a worker reads, and nothing after it is read. If the connection ends meanwhile, the pidfd counts among the uid's
 * descriptors being closed (discard.h). */
#ifndef INQUIRY_H
#define INQUIRY_H

#include "daemon/access/kept.h"
#include "daemon/loop/offload.h"
#include "daemon/object/inspect.h"
#include "owner.h"
#include "portd.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INQUIRY_PIDFDS = OWNERS_MAX + 1 };

struct connection;
struct refusal;

struct inquiry {
    struct offload_job job;
    struct connection *connection; /* NULL: it has ended */
    struct user *user;
    void (*answered)(struct connection *connection);
    bool runs;
    struct kept slot; /* while it runs and the connection lasts */
    os_fd peer;       /* OS_FD_NONE: not asked about, or closed */
    bool counted;     /* what pids name counts against the broker's control group */
    bool full;        /* inspect_pids_are_full */
    enum inspect_shares shares;
    size_t before; /* descriptors before the first of these */
    size_t n;
    os_fd pidfds[INQUIRY_PIDFDS]; /* in the channel */
    uint32_t pids[INQUIRY_PIDFDS];
};

/* NULL is allowed. */
static inline bool inquiry_runs(const struct inquiry *inquiry) { return inquiry && inquiry->runs; }

/* Whether a hello names processes by pids. */
bool inquiry_names_pids(const Portd__V1__Hello *hello);

/* Whether the next frame must wait: it needs answers, and a worker has been asked for them, which are then in connection->inquiry until the frame has been
 * handled. answered() is called in the loop. False also if a worker cannot be asked: connection->inquiry is NULL then. */
bool inquiry_holds(struct connection *connection, void (*answered)(struct connection *connection));

/* The refusal of a hello whose processes could not be asked for; it can only be tried again. Always -1. */
int inquiry_refuse_untold(const char *field, struct refusal *refusal);

/* 0, or -1 and the refusal: processes cannot be named by pids. */
int inquiry_check_pids(const struct inquiry *inquiry, struct refusal *refusal);

/* The pid of an attached pidfd; 0: not asked about, or not told. */
uint32_t inquiry_pid(const struct inquiry *inquiry, os_fd pidfd);

/* Nobody waits for the answers any more, or they have been used. */
void inquiry_forget(struct connection *connection);

#endif
