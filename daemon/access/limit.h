/* limit.h: the limits of one uid.
 *
 * They are in the user: computed when it is made, and for all users when the configuration changes. Usage beyond a lowered limit
 * stays. The broker's own uid may have all of users->limits, any other a quarter; a uid with an override has what that says instead, and of descriptors
 * no more than its part of the table.
 *
 * All uids share the fd table, so with a quarter per uid four of them could fill it. So a uid other than root and the broker's own may have a
 * quarter of it in all, connections and descriptors together, and may only take slots as long as at least as many stay free as it has then:
 * a newcomer gets up to half of the free slots, and the next one finds some. The last slots (users->reserve) are for root and the broker's
 * own uid. The first connections of a uid do not count for its share: so it can always connect to give something back. */
#ifndef LIMIT_H
#define LIMIT_H

#include "fd_table.h"
#include "quota.h"
#include "user.h"

enum {
    LIMIT_SHARE = 4,       /* uids other than the broker's own get 1 / LIMIT_SHARE */
    LIMIT_CONNECTIONS = 2, /* so many connections of a uid do not count for its share of the table */
    LIMIT_RESERVE = 32,    /* slots reserved for root and the broker's own uid, */
    LIMIT_RESERVE_PART = 8 /* and at most 1 / LIMIT_RESERVE_PART of the table */
};

#define LIMIT_NOT_SET UINT64_MAX

struct limits {
    uint64_t of[USER_QUOTAS];
    uint64_t rate;
};

/* Of one uid, absolute. */
struct limit_override {
    os_uid uid;
    struct limits limits; /* LIMIT_NOT_SET: as without it */
};

/* For user.c. slots: of the fd table, for keeping. */
void limits_init(struct users *users, size_t slots);
void limits_deinit(struct users *users);
void limits_compute(struct user *user);

/* For users that are made from now on, and for all with users_renew_limits; what is not set is built in. Takes the overrides, by uid: an array to be freed, or
 * NULL. */
void limits_set(struct users *users, const struct limits *own, struct limit_override *overrides, size_t n);

/* As many descriptors as the uid can have, whatever is set. */
uint64_t limit_most_slots(const struct users *users, os_uid uid);

static inline uint64_t limit_of(const struct user *user, enum user_quota slot) { return user->limits[slot]; }

/* Requests per second, at least 1. */
static inline uint64_t limit_rate(const struct user *user) { return user->rate; }

static inline bool limit_is_admin(const struct user *user) {
    return user->uid == 0 || user->uid == user->users->own;
}

/* Slots that count for the uid's share of the table, without descriptors in unread replies (the kernel has those) and those being closed (the
 * gate counts them). */
static inline uint64_t limit_places(const struct user *user) {
    uint64_t connections = user->used[USER_CONNECTIONS];
    return user->used[USER_DESCRIPTORS] - user->passing +
           (connections > LIMIT_CONNECTIONS ? connections - LIMIT_CONNECTIONS : 0);
}

/* The current share of a uid other than root and the broker's own, with n_more descriptors added to the table. */
static inline uint64_t limit_of_table(const struct user *user, size_t n_more) {
    uint64_t quarter = limit_of(user, USER_DESCRIPTORS), room = fd_table_free(user->users->fd_table),
             busy = user->users->reserve + n_more;
    room = room > busy ? room - busy : 0;
    return room < quarter ? room : quarter;
}

/* Whether n more descriptors of the uid may be kept, n_more of which are not in the table yet. */
static inline bool limit_may_keep(const struct user *user, size_t n, size_t n_more) {
    if (limit_is_admin(user))
        return fd_table_may_keep(user->users->fd_table, n_more);
    return fd_table_may_keep(user->users->fd_table, n_more + user->users->reserve) &&
           (!n || limit_places(user) + n <= limit_of_table(user, n_more));
}

/* Whether a connection of the uid may be kept that is in the table already. */
static inline bool limit_may_connect(const struct user *user) {
    return limit_may_keep(user, user->used[USER_CONNECTIONS] < LIMIT_CONNECTIONS ? 0 : 1, 0);
}

#endif
