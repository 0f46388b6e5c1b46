/* limit.h: the limits of one uid.
 *
 * They are computed from users->limits at each take, so a change there takes effect at once. Usage beyond a lowered limit stays. After
 * raising a limit call gates_look (gate.h).
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

static inline uint64_t limit_share(const struct user *user, uint64_t all) {
    return user->uid == user->users->own ? all : all / LIMIT_SHARE;
}

static inline uint64_t limit_of(const struct user *user, enum user_quota slot) {
    return limit_share(user, user->users->limits[slot]);
}

/* Requests per second, at least 1. */
static inline uint64_t limit_rate(const struct user *user) {
    uint64_t rate = limit_share(user, user->users->rate);
    return rate ? rate : 1;
}

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
