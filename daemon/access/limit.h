/* limit.h: how much one uid may have, of all that there is.
 *
 * It is read from what users says at each take, so that a change there reaches everybody. What is had beyond a lowered limit stays. Whoever
 * raises one looks at the gates (gate.h).
 *
 * The process's table of descriptors is one for all, so a quarter for each uid does not keep four of them from filling it. A uid other than root
 * and the broker's own may have a quarter of it in all, connections and descriptors together, and takes only what leaves free as much as it has
 * then: a newcomer gets up to half of what is free, and there is something for the next one. The last places (users->reserve) are for root and
 * the broker's own uid. The first connections of a uid count for nothing in its share: with them it can give something back, whatever others
 * have taken since. */
#ifndef LIMIT_H
#define LIMIT_H

#include "fd_table.h"
#include "quota.h"
#include "user.h"

enum {
    LIMIT_SHARE = 4,       /* the part of a uid that is not the broker's own */
    LIMIT_CONNECTIONS = 2, /* of each uid: they count for nothing in its share of the table */
    LIMIT_RESERVE = 32,    /* places of the table, for root and the broker's own uid; */
    LIMIT_RESERVE_PART = 8 /* of a small table this part */
};

static inline uint64_t limit_share(const struct user *user, uint64_t all) {
    return user->uid == user->users->own ? all : all / LIMIT_SHARE;
}

static inline uint64_t limit_of(const struct user *user, enum user_quota slot) {
    return limit_share(user, user->users->limits[slot]);
}

/* Requests a second, at least one. */
static inline uint64_t limit_rate(const struct user *user) {
    uint64_t rate = limit_share(user, user->users->rate);
    return rate ? rate : 1;
}

static inline bool limit_is_admin(const struct user *user) {
    return user->uid == 0 || user->uid == user->users->own;
}

/* What the uid has of its share of the table. What is in unread answers is the kernel's, and what is being closed is counted by its gate. */
static inline uint64_t limit_places(const struct user *user) {
    uint64_t connections = user->used[USER_CONNECTIONS];
    return user->used[USER_DESCRIPTORS] - user->passing +
           (connections > LIMIT_CONNECTIONS ? connections - LIMIT_CONNECTIONS : 0);
}

/* How much of it a uid that is neither root's nor the broker's own may have once n_more descriptors have got their places in the table. */
static inline uint64_t limit_of_table(const struct user *user, size_t n_more) {
    uint64_t quarter = limit_of(user, USER_DESCRIPTORS), room = fd_table_free(user->users->fd_table),
             busy = user->users->reserve + n_more;
    room = room > busy ? room - busy : 0;
    return room < quarter ? room : quarter;
}

/* Whether n more descriptors of that uid may be kept, of which n_more have no place in the table yet. */
static inline bool limit_may_keep(const struct user *user, size_t n, size_t n_more) {
    if (limit_is_admin(user))
        return fd_table_may_keep(user->users->fd_table, n_more);
    return fd_table_may_keep(user->users->fd_table, n_more + user->users->reserve) &&
           (!n || limit_places(user) + n <= limit_of_table(user, n_more));
}

/* Whether a connection of that uid may be kept, which has its place in the table. */
static inline bool limit_may_connect(const struct user *user) {
    return limit_may_keep(user, user->used[USER_CONNECTIONS] < LIMIT_CONNECTIONS ? 0 : 1, 0);
}

#endif
