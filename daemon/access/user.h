/* user.h: how much each uid may have of what the broker has; account.h: each session of it.
 *
 * Taking is checked before anything is allocated, and given back by whoever took. The broker's own uid may have everything, any other a
 * quarter of each limit, and of the table no more than leaves room for others (limit.h).
 * A refusal names the limit and who holds most of it. Users live as long as somebody refers to them.
 *
 * What happens is noted in one journal, which is for those who may see everything. A uid that may not, and asks, gets a journal of
 * its own, with what the other has kept of it: so nobody learns from numbers what others do, and nobody's notices are pushed out by theirs. */
#ifndef USER_H
#define USER_H

#include "daemon/base/discard_queue.h"
#include "daemon/base/journal.h"
#include "daemon/base/order.h"
#include "daemon/base/table.h"
#include "daemon/base/turn.h"
#include "holders.h"
#include "quota.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { USER_GONE = 8 };

struct account;
struct descriptor;
struct always_ready;
struct nesting;
struct refusal;
struct registry;
struct fd_table;

/* daemon/object/ready_list.h: descriptors of a uid that the engine has told of. */
struct user_ready_list {
    struct task task;
    void (*catch_up)(struct descriptor *descriptor);
    uint64_t *ids; /* from first to n; those that have gone find nothing */
    size_t first, n, room;
    unsigned round, at_once; /* done at once in that round of the turns */
};

struct user;

struct users {
    struct table by_uid;
    struct user **sorted; /* the same ones, by uid */
    size_t n_sorted, room_sorted;
    struct turns turns;           /* of the lanes of all users */
    os_uid own;                   /* the broker's uid */
    uint64_t limits[USER_QUOTAS]; /* of all that there is */
    uint64_t rate;                /* requests a second; likewise */
    struct fd_table *fd_table;
    size_t reserve;      /* of its places, for root and the broker's own uid (limit.h) */
    uint64_t most_uid;   /* had most of the table when a refusal last looked */
    size_t seen;         /* up to here by_uid was looked at for that */
    struct ring starved; /* those with gates that wait for room in the table */
    struct journal journal;
    size_t n_journals; /* of users */
    size_t n_monitors; /* in flight */
};

struct user {
    os_uid uid; /* key of the table */
    struct users *users;
    struct lane lane; /* what is to be done for this uid */
    /* Wake-one (daemon/object/waitqueue.h): queues in which somebody waits, those that are to be looked at again, and the connections
     * that have ended since, or more than there is room for. */
    struct ring pools, retested;
    struct task retest;
    uint32_t gone[USER_GONE];
    unsigned n_gone;
    struct user_ready_list ready_list;
    struct registry *registry; /* of what its sessions have; NULL: none was made yet */
    unsigned refs;
    uint32_t connections; /* that were made; their numbers in notices, so that these tell of no other uid's */
    unsigned discards;    /* received descriptors that workers are closing */
    struct ring gates, looked_at; /* gates that wait (gate.h), and those whose turn it is to be looked at */
    struct discard_queue discard_queue; /* of these descriptors */
    struct ring starved;                /* in that of all */
    struct task look;
    struct ring arrivals; /* connections that are accepted, and not made yet (daemon/session/listener.h) */
    struct task arrive;
    uint64_t used[USER_QUOTAS];
    uint64_t requests;        /* so far */
    int64_t rate_tokens;      /* requests to spend, at most a second's worth */
    int64_t rate_filled;      /* when tokens were last added, os_now_us */
    struct account *accounts; /* in the order of making */
    struct order order;       /* of them: kept by whoever makes sessions */
    struct account *seen;     /* the next one that a refusal looks at; NULL: the first */
    struct holders holders[USER_QUOTAS];
    size_t passing;          /* descriptors in answers that are not read (passing.h) */
    unsigned monitors;       /* in flight */
    struct nesting *nesting; /* that a worker is at (daemon/session/nesting.h), and those that wait for it */
    struct ring nestings;
    struct always_ready *always_readies; /* of its handles (daemon/object/always_ready.h) */
    struct journal *journal;             /* of this uid alone, or NULL */
};

enum { USER_JOURNAL = 1024, USERS_JOURNAL = 4096, USER_MONITORS = 64 };

/* What the table has for keeping now is what there is to be shared; slots must outlast it. 0 or -ENOMEM. */
int users_init(struct users *users, os_uid own, struct fd_table *fd_table, uint64_t seed);
/* Asserts that nobody is referred to, unless something was left behind that does. */
void users_deinit(struct users *users, bool left_behind);

/* The account of that uid, with a reference; NULL without memory. */
struct user *user_ref(struct users *users, os_uid uid);
void user_unref(
    struct user *user); /* NULL is allowed; asserts at the last one that everything was given back */

/* The users with the lowest uids from that one on, in their order: how many, at most room. */
size_t users_next(const struct users *users, uint64_t from, const struct user **found, size_t room);

/* How much more it may have. What gives something back may bring it beyond its limit (charge_return). */
uint64_t user_left(const struct user *user, enum user_quota slot);

/* Of the user alone (a connection before it has a session). 0, or -1 and the refusal. */
int user_take(struct user *user, enum user_quota slot, uint64_t amount, struct refusal *refusal);
void user_give(struct user *user, enum user_quota slot, uint64_t amount);

/* Something that concerns notice->uid has happened, now: the time is set here. */
void users_note(struct users *users, struct notice *notice);

/* Makes the journal of that uid, if it has none. 0, or -1 and the refusal. */
int user_keep_journal(struct user *user, struct refusal *refusal);

/* One request now. 0, or the microseconds after which the next may come. */
int64_t user_spend(struct user *user);

#endif
