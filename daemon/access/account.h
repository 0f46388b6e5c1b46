/* account.h: what one session uses of its uid's quotas (user.h).
 *
 * Each take is checked against the limits of the session and of the uid. A session's limit is that of the uid less a 64th, so that another
 * session of the uid can always act. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "daemon/base/ring.h"
#include "quota.h"

#include <stdint.h>

struct refusal;
struct user;

struct account {
    struct user *user;
    uint64_t session; /* number, for refusals */
    const char *name; /* for refusals; borrowed from the session */
    uint64_t used[USER_QUOTAS];
    struct ring charges;         /* struct charge (charge.h) */
    struct account *prev, *next; /* in user->accounts */
};

/* name must last as long as the account. */
void account_init(struct account *account, struct user *user, uint64_t session, const char *name);
void account_deinit(struct account *account); /* gives back to the user what is still used */

/* 0, or -1 and the refusal. */
int account_take(struct account *account, enum user_quota slot, uint64_t amount, struct refusal *refusal);

/* How much more the session's own limit allows. */
uint64_t account_room(const struct account *account, enum user_quota slot);

/* Checks whether the amount could be taken, without taking it. 0, or -1 and the refusal. */
int account_check(struct account *account, enum user_quota slot, uint64_t amount, struct refusal *refusal);
void account_give(struct account *account, enum user_quota slot, uint64_t amount);

/* Removes the amount from the session's usage; the user's usage stays. */
void account_leave(struct account *account, enum user_quota slot, uint64_t amount);

/* Adds an amount that the user has taken to the session's usage, even beyond its limit. */
void account_join(struct account *account, enum user_quota slot, uint64_t amount);

#endif
