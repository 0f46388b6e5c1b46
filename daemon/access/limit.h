/* limit.h: how much one uid may have, of all that there is.
 *
 * It is read from what users says at each take, so that a change there reaches everybody. What is had beyond a lowered limit stays. Whoever
 * raises one looks at the gates (gate.h). */
#ifndef LIMIT_H
#define LIMIT_H

#include "user.h"

enum { LIMIT_SHARE = 4 }; /* the part of a uid that is not the broker's own */

static inline uint64_t limit_share(const struct user *user, uint64_t all) {
    return user->uid == user->users->own ? all : all / LIMIT_SHARE;
}

static inline uint64_t limit_of(const struct user *user, enum user_slot slot) {
    return limit_share(user, user->users->limits[slot]);
}

/* Requests a second, at least one. */
static inline uint64_t limit_rate(const struct user *user) {
    uint64_t rate = limit_share(user, user->users->rate);
    return rate ? rate : 1;
}

#endif
