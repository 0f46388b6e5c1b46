/* account.h: what one session has of what its uid has (user.h).
 *
 * Taking is checked against the session and its uid. A session may have all but a 64th of what its uid may, so that another one of the same
 * user can always act. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "daemon/base/ring.h"
#include "quota.h"

#include <stdint.h>

struct refusal;
struct user;

struct account {
    struct user *user;
    uint64_t session; /* for the texts */
    const char *name; /* likewise; the session's */
    uint64_t used[USER_QUOTAS];
    struct ring charges;         /* of what is in flight (charge.h) */
    struct account *prev, *next; /* the user's others */
};

/* name must last as long as the account. */
void account_init(struct account *account, struct user *user, uint64_t session, const char *name);
void account_deinit(struct account *account); /* what is still used is given back to the user */

int account_take(struct account *account, enum user_quota slot, uint64_t amount, struct refusal *refusal);

/* How much more the session may have, whatever the user has. */
uint64_t account_room(const struct account *account, enum user_quota slot);

/* Whether that could be taken now; nothing is. 0, or -1 and the refusal. */
int account_check(struct account *account, enum user_quota slot, uint64_t amount, struct refusal *refusal);
void account_give(struct account *account, enum user_quota slot, uint64_t amount);

/* What was taken stays taken from the user, but no longer from this session. */
void account_leave(struct account *account, enum user_quota slot, uint64_t amount);

/* What the user has is this session's as well, even beyond its limit. */
void account_join(struct account *account, enum user_quota slot, uint64_t amount);

#endif
