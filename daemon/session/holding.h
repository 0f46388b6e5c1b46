/* holding.h: what the broker holds for uids: a session of each uid for the copies, and the leases.
 *
 * The session of a uid is made with its first hold and ends with the last. It has no connection, no owner and no token; lists show it with the client
 * name "held", and end_session refuses it. */
#ifndef HOLDING_H
#define HOLDING_H

#include "daemon/object/hold.h"
#include "daemon/object/look.h"
#include "daemon/store/store.h"
#include "given.h"
#include "lease.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct hold_record;
struct owner_process;
struct refusal;
struct sessions;
struct spool;
struct user;

/* A hold, who made it, and until when. */
struct held {
    struct hold hold;
    struct lease lease;
    int64_t made; /* os_now_us */
    os_uid by;
    uint32_t by_pid;
    struct look_state at_put;            /* what it was then */
    uint16_t lost_port;                  /* look_listen */
    struct given given;                  /* since the broker's start */
    bool hang_up;                        /* it ends with its hang-up, */
    bool counts;                         /* which is watched for */
    bool hung;                           /* and has come, maybe before it counts */
    bool kept;                           /* the keeper has it, or will */
    struct held *replaces, *replaced_by; /* until the keeper has answered the put (held_replace) */
    struct ring renewals;                /* struct renewal, oldest first */
    struct spool *spool;                 /* NULL: none */
    struct store_order forgetting;
};

/* Lease of a put or renew, after parsing. */
struct holding_terms {
    int64_t ttl_us;                      /* 0: none */
    const struct owner_process *process; /* NULL: none; the pidfd stays the caller's */
    bool hang_up;
};

/* Another lease that is not in force yet. */
struct renewal {
    struct ring node;
    struct held *held;  /* NULL: there is nothing to be done any more */
    struct lease lease; /* time and process */
    bool hang_up, counts;
    bool over; /* its process has ended */
};

/* Makes a hold of *fd for the connection's uid, without a name. Sets *fd to OS_FD_NONE if it has taken it. NULL: the refusal. */
struct held *held_new(struct connection *connection, os_fd *fd, struct refusal *refusal);

/* Prepares *renewal, so that nothing can fail later; process: its pidfd is copied. 0, or -1 and the refusal. Then one of the next two, or the end of the
 * hold, which does what the second one does. */
int held_prepare(struct held *held, const struct holding_terms *terms, struct renewal *renewal,
                 struct refusal *refusal);

/* It is in force from now on, in place of all before it. The hold may end. */
void held_renew(struct renewal *renewal);

/* It is not wanted: the lease is as before. Nothing happens to one of zeros. */
void held_unrenew(struct renewal *renewal);

/* The same for a uid whose process has no connection. pid: for lists. */
struct held *held_new_for(struct sessions *sessions, struct user *user, uint32_t pid, os_fd *fd,
                          struct refusal *refusal);

/* Gives it a spool, which takes nothing before held_start. 0, or -1 and the refusal. */
int held_spool(struct held *held, uint64_t bytes, bool stops, struct refusal *refusal);

/* The keeper has it, or there is none. */
void held_start(struct held *held);

/* Sets the lease anew. process: its pidfd is copied. 0, or -1 and the refusal: the lease is as before. */
int held_lease(struct held *held, const struct holding_terms *terms, struct refusal *refusal);

/* The held descriptor of that owner and name; NULL: none. */
struct held *held_find(const struct sessions *sessions, os_uid owner, const char *name);

/* The one with that id, of its copy; NULL: it has ended. */
struct held *held_get(const struct sessions *sessions, uint64_t id);

static inline struct held *held_of(const struct hold *hold) { return (struct held *)(uintptr_t)hold; }

/* Drops it for that cause (enum cause). It must not have ended. What it was to replace ends as well. */
void held_end(struct held *held, int cause);

/* held, which is entered under the same name, is found in place of `old`, which stays, and ends when the keeper has done as much: */
void held_replace(struct held *held, struct held *old);
void held_settle(struct held *held);

/* The keeper has not done it: held ends, and `old` is there again. */
void held_undo(struct held *held);

/* Makes a hold again that an earlier broker had, with its id. Takes the entry's descriptors, which are counted in the fd table. 0, or -1 and the refusal. */
int held_restore(struct sessions *sessions, struct store_entry *entry, const struct hold_record *record,
                 struct refusal *refusal);

/* Ends all, for the end of the broker: after sessions_disconnect, before sessions_deinit. */
void holdings_end(struct sessions *sessions);

#endif
