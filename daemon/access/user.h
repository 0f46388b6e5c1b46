/* user.h: quotas, rate limit and journal of each uid. account.h has the usage per session.
 *
 * Code takes from a quota before it allocates, and gives back what it took. The broker's own uid may have everything, any other uid a quarter
 * of each limit, and less of the fd table (limit.h). A refusal names the limit and the sessions that have most of it. A user exists as long
 * as it has references, and then until its lane owes no time (turn.h): so its rest does not end with its last connection. Such users have
 * nothing and are not listed. Each took more than TURN_LONG_US of the loop's time and is kept TURN_REST times as long as that took, so there
 * are a few hundred of them at most times, and a few thousand whatever many uids do.
 *
 * One journal has the notices of all uids, for admins. Any other uid that asks gets a journal of its own, filled with its notices from the
 * first: so notice numbers reveal nothing about other uids, and their notices push out none of its own. */
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
struct limit_override;
struct always_ready;
struct nesting;
struct refusal;
struct registry;
struct session;
struct fd_table;

/* daemon/object/ready_list.h: descriptors of a uid that the engine has reported. */
struct user_ready_list {
    struct task task;
    void (*catch_up)(struct descriptor *descriptor);
    uint64_t *ids; /* from first to n; ids of removed descriptors are skipped */
    size_t first, n, room;
    unsigned round, at_once; /* how many were handled at once in that round of the turns */
};

/* daemon/session/passing.h: connections of a uid that have something charged in flight. */
struct user_passings {
    struct ring node; /* in the list of such uids; in none: there are no such connections */
    struct ring list;
};

struct user;

struct users {
    struct table by_uid;
    struct user **sorted; /* the same users, by uid */
    size_t n_sorted, room_sorted;
    struct turns turns;               /* of the lanes of all users */
    os_uid own;                       /* the broker's uid */
    uint64_t limits[USER_QUOTAS];     /* of the broker's own uid; others get a share (limit.h) */
    uint64_t rate;                    /* requests per second, as limits */
    size_t slots;                     /* of the fd table, for keeping, when there were no users */
    struct limit_override *overrides; /* by uid */
    size_t n_overrides;
    struct fd_table *fd_table;
    size_t reserve;      /* slots for root and the broker's own uid (limit.h) */
    uint64_t most_uid;   /* the uid with the most slots when a refusal last checked */
    size_t seen;         /* how far by_uid was checked for that */
    struct ring starved; /* users with gates that wait for room in the table */
    struct ring
        owing; /* users without references whose lanes owe time; two are looked at when one is added */
    size_t n_owing;
    struct journal journal;
    size_t n_journals; /* how many users have a journal */
    size_t n_monitors; /* in flight */
};

struct user {
    os_uid uid; /* key of the table */
    struct users *users;
    struct lane lane;  /* the uid's tasks */
    struct ring owing; /* node in users->owing */
    /* Wake-one (daemon/object/waitqueue.h): queues with waits, queues to be visited, and the connections that have ended since: those whose
     * activities others may have (n_gone > USER_GONE: too many to list), and those whose clients keep them. */
    struct ring pools, retested;
    struct task retest;
    uint32_t gone[USER_GONE];
    unsigned n_gone;
    uint32_t keepers[USER_GONE];
    unsigned n_keepers;
    struct user_ready_list ready_list;
    struct registry *registry; /* the objects of its sessions; NULL: not created yet */
    unsigned refs;
    uint32_t connections;         /* created so far, as numbered in notices: hides the totals of other uids */
    unsigned discards;            /* received descriptors that workers are closing */
    struct ring gates, looked_at; /* waiting gates (gate.h), and those that the task `look` tries */
    struct discard_queue discard_queue; /* of these descriptors */
    struct ring starved;                /* node in users->starved */
    struct task look;
    struct ring arrivals; /* accepted connections that are not created yet (daemon/session/listener.h) */
    struct task arrive;
    uint64_t limits[USER_QUOTAS], rate; /* limit.h */
    uint64_t used[USER_QUOTAS];
    uint64_t requests;        /* so far */
    int64_t rate_tokens;      /* requests that it may make now, at most one second's */
    int64_t rate_filled;      /* when tokens were last added, os_now_us */
    int64_t next_round;       /* when the next place is, os_now_us */
    struct account *accounts; /* in the order of creation */
    struct order order;       /* index of the accounts; the session code maintains it */
    struct account *seen;     /* the next account that a refusal checks; NULL: the first */
    struct holders holders[USER_QUOTAS];
    size_t passing; /* descriptors in unread replies (daemon/session/passing.h) */
    struct user_passings passings;
    unsigned rings_later;                /* daemon/object/handle.c: handles that the loop leaves to workers */
    unsigned monitors;                   /* in flight */
    unsigned turned_away;                /* told, and not read (daemon/session/turned_away.h) */
    struct nesting *nesting;             /* at a worker (daemon/session/nesting.h) */
    struct ring nestings;                /* waiting for it */
    struct always_ready *always_readies; /* of its handles (daemon/object/always_ready.h) */
    struct journal *journal;             /* of this uid alone, or NULL */
    struct session *holding;             /* for what is held for it (daemon/session/holding.h), or NULL */
};

enum { USER_JOURNAL = 1024, USERS_JOURNAL = 4096, USER_MONITORS = 64, USER_ROUNDS = 1000 };

/* Limits of descriptors are set to the slots that fd_table has free for keeping now; fd_table is borrowed. 0 or -ENOMEM. */
int users_init(struct users *users, os_uid own, struct fd_table *fd_table, uint64_t seed);
/* Asserts that there are no users, unless left_behind (abandoned threads may refer to some). */
void users_deinit(struct users *users, bool left_behind);

/* users->limits, users->rate or the overrides have changed: computes those of all users anew. */
void users_renew_limits(struct users *users);

/* The user of the uid, with a reference; NULL without memory. */
struct user *user_ref(struct users *users, os_uid uid);

/* One more reference. */
static inline struct user *user_hold(struct user *user) {
    user->refs++;
    return user;
}

/* NULL is allowed. The last one asserts that everything was given back, and frees the user, unless its lane owes time. */
void user_unref(struct user *user);

/* Gets up to `room` users with references and the lowest uids from `from` on, sorted. Returns how many. */
size_t users_next(const struct users *users, uint64_t from, const struct user **found, size_t room);

/* How much more it may have; 0 also if it is beyond its limit (charge_return). */
uint64_t user_left(const struct user *user, enum user_quota slot);

/* For usage without a session (a connection before it has one). 0, or -1 and the refusal. */
int user_take(struct user *user, enum user_quota slot, uint64_t amount, struct refusal *refusal);

/* user_take with limit_of that slot. */
int user_take_below(struct user *user, uint64_t limit, enum user_quota slot, uint64_t amount,
                    struct refusal *refusal);

/* Whether it could be taken now; takes nothing. 0, or -1 and the refusal. */
int user_check(struct user *user, enum user_quota slot, uint64_t amount, struct refusal *refusal);
void user_give(struct user *user, enum user_quota slot, uint64_t amount);

/* Notes an event of notice->uid in the journals, and sets its time. */
void users_note(struct users *users, struct notice *notice);

/* Creates the uid's journal, if it has none. 0, or -1 and the refusal. */
int user_keep_journal(struct user *user, struct refusal *refusal);

/* Charges one request to the rate limit. 0, or how many us to wait before the next. user_refill: the same when there may be none left. */
int64_t user_refill(struct user *user);
static inline int64_t user_spend(struct user *user) {
    user->requests++;
    if (user->rate_tokens <= 0 || user->rate_tokens > (int64_t)user->rate)
        return user_refill(user);
    user->rate_tokens--;
    return 0;
}

/* Takes the next of USER_ROUNDS places a second for a round of a request in flight; a second's places can be used at once. 0, or how many us to wait
 * for it. */
int64_t user_take_round(struct user *user);

/* Gives back a place that is not used. */
void user_give_round(struct user *user);

#endif
