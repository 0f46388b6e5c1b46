/* charge.h: what one thing in flight costs, while it lasts: charged to a session while that is there, and to its uid in any case.
 *
 * A connection and its requests may outlive their session by a moment. What they cost stays the uid's then, until they are gone.
 *
 * It is embedded in what it is for, whose destructor calls charge_deinit. The same for descriptors: kept.h.
 *
 * Copies, objects and waits have no struct, because there are very many of them: their type says what each costs. One function charges it, in
 * their constructor, and one gives it back, in their destructor (charge_take_object, charge_take_request). The slot of a received descriptor
 * goes with the descriptor: it is counted where messages are received and where it is closed (fd_table.h). */
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

/* One object (USER_OBJECTS), or one copy that was received (USER_DESCRIPTORS). account NULL: the user's alone, as after charge_leave_object. */
int charge_take_object(struct account *account, enum user_quota slot, struct refusal *refusal);
void charge_give_object(struct user *user, struct account *account, enum user_quota slot);
void charge_leave_object(struct account *account, enum user_quota slot);

/* Of a request in flight, for one that gives something back: it gets through, even beyond the limits. */
void charge_return(struct charge *charge, struct account *account, uint64_t bytes);

/* How much more could be taken. */
uint64_t charge_room(const struct charge *charge, enum user_quota slot);

/* Takes or gives back what makes it that much. */
int charge_set(struct charge *charge, enum user_quota slot, uint64_t amount, struct refusal *refusal);

/* For user.c: the account ends. */
void charges_leave(struct account *account);

#endif
