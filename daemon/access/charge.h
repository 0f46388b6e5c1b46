/* charge.h: what one thing in flight costs, while it lasts: charged to a session while that is there, and to its uid in any case.
 *
 * A connection and its requests may outlive their session by a moment. What they cost stays the uid's then, until they are gone.
 *
 * Counted by hand is what this would not fit: copies, objects and waits, of which there are very many, cost what their type says
 * (registry.h, charge_take_request); what is in the table of descriptors is counted where it comes in and is closed, by whomever (fd_table.h); a
 * place among connections is taken before there is one; what is on its way to a client shrinks when he reads (daemon/session/passing.h);
 * what a worker may still use belongs to nothing here, and gives back when it goes (handles, nestings, identities). */
#ifndef CHARGE_H
#define CHARGE_H

#include "daemon/base/ring.h"
#include "quota.h"

#include <stdint.h>

struct account;
struct refusal;
struct user;

struct charge {
    struct user *user;       /* referred to */
    struct account *account; /* NULL: none yet, or it has ended */
    struct ring node;        /* in account->charges */
    uint64_t used[USER_QUOTAS];
};

/* account may be NULL. */
void charge_init(struct charge *charge, struct user *user, struct account *account);
void charge_deinit(struct charge *charge); /* gives everything back; nothing happens to one of zeros */

/* From now on it is that session's, even beyond its limit. */
void charge_join(struct charge *charge, struct account *account);

/* All of it is the other one's, which is of zeros. */
void charge_move(struct charge *to, struct charge *from);

/* 0, or -1 and the refusal. */
int charge_take(struct charge *charge, enum user_quota slot, uint64_t amount, struct refusal *refusal);
void charge_give(struct charge *charge, enum user_quota slot, uint64_t amount);

/* Of a request in flight: one wait, and its bytes. 0, or -1 and the refusal, and then charge is of zeros. */
int charge_request(struct charge *charge, struct account *account, uint64_t bytes, struct refusal *refusal);

/* The same for one that says itself what it has taken, and on whose account: for waits, of which there are many. account NULL: on the user's alone,
 * as after charge_leave_request. */
int charge_take_request(struct account *account, uint64_t bytes, struct refusal *refusal);
void charge_give_request(struct user *user, struct account *account, uint64_t bytes);
void charge_leave_request(struct account *account, uint64_t bytes);

/* The same for one that gives something back: it gets through, even beyond the limits. */
void charge_return(struct charge *charge, struct account *account, uint64_t bytes);

/* How much more could be taken. */
uint64_t charge_room(const struct charge *charge, enum user_quota slot);

/* Takes or gives back what makes it that much. */
int charge_set(struct charge *charge, enum user_quota slot, uint64_t amount, struct refusal *refusal);

/* For user.c: the account ends. */
void charges_leave(struct account *account);

#endif
