/* charge.c: an account, or the uid alone. */
#include "charge.h"

#include "account.h"
#include "holders.h"
#include "limit.h"
#include "proto/container.h"
#include "user.h"

#include <assert.h>

void charge_init(struct charge *charge, struct user *user, struct account *account) {
    *charge = (struct charge){.user = user_hold(user)};
    if (account)
        charge_join(charge, account);
}

void charge_deinit(struct charge *charge) {
    if (!charge->user)
        return;
    for (int slot = 0; slot < USER_QUOTAS; slot++)
        charge_give(charge, (enum user_quota)slot, charge->used[slot]);
    if (charge->account)
        ring_remove(&charge->node);
    user_unref(charge->user);
    *charge = (struct charge){0};
}

void charge_join(struct charge *charge, struct account *account) {
    assert(!charge->account && charge->user == account->user);
    for (int slot = 0; slot < USER_QUOTAS; slot++)
        account_join(account, (enum user_quota)slot, charge->used[slot]);
    charge->account = account;
    ring_add(&account->charges, &charge->node);
}

void charge_move(struct charge *to, struct charge *from) {
    *to = *from;
    to->node = (struct ring){0};
    if (from->account) {
        ring_add(&from->account->charges, &to->node);
        ring_remove(&from->node);
    }
    *from = (struct charge){0};
}

int charge_take(struct charge *charge, enum user_quota slot, uint64_t amount, struct refusal *refusal) {
    if (charge->account ? account_take(charge->account, slot, amount, refusal)
                        : user_take(charge->user, slot, amount, refusal))
        return -1;
    charge->used[slot] += amount;
    return 0;
}

int charge_request(struct charge *charge, struct account *account, uint64_t bytes, struct refusal *refusal) {
    charge_init(charge, account->user, account);
    if (!charge_take(charge, USER_WAITS, 1, refusal) && !charge_take(charge, USER_BYTES, bytes, refusal))
        return 0;
    charge_deinit(charge);
    return -1;
}

int charge_take_request(struct account *account, uint64_t bytes, struct refusal *refusal) {
    if (account_take(account, USER_WAITS, 1, refusal))
        return -1;
    if (!account_take(account, USER_BYTES, bytes, refusal))
        return 0;
    account_give(account, USER_WAITS, 1);
    return -1;
}

void charge_give_request(struct user *user, struct account *account, uint64_t bytes) {
    if (account)
        charge_leave_request(account, bytes);
    user_give(user, USER_WAITS, 1);
    user_give(user, USER_BYTES, bytes);
}

void charge_leave_request(struct account *account, uint64_t bytes) {
    account_leave(account, USER_WAITS, 1);
    account_leave(account, USER_BYTES, bytes);
}

int charge_take_object(struct account *account, enum user_quota slot, struct refusal *refusal) {
    if (slot == USER_DESCRIPTORS && !limit_may_keep(account->user, 1, 0))
        return holders_refuse_table(account->user, refusal);
    return account_take(account, slot, 1, refusal);
}

void charge_give_object(struct user *user, struct account *account, enum user_quota slot) {
    if (account)
        charge_leave_object(account, slot);
    user_give(user, slot, 1);
}

void charge_leave_object(struct account *account, enum user_quota slot) { account_leave(account, slot, 1); }

static void insist(struct charge *charge, enum user_quota slot, uint64_t amount) {
    charge->user->used[slot] += amount;
    account_join(charge->account, slot, amount);
    charge->used[slot] += amount;
}

void charge_return(struct charge *charge, struct account *account, uint64_t bytes) {
    charge_init(charge, account->user, account);
    insist(charge, USER_WAITS, 1);
    insist(charge, USER_BYTES, bytes);
}

void charge_give(struct charge *charge, enum user_quota slot, uint64_t amount) {
    if (!amount)
        return;
    assert(charge->used[slot] >= amount);
    charge->used[slot] -= amount;
    if (charge->account)
        account_give(charge->account, slot, amount);
    else
        user_give(charge->user, slot, amount);
}

uint64_t charge_room(const struct charge *charge, enum user_quota slot) {
    uint64_t room = user_left(charge->user, slot);
    uint64_t own = charge->account ? account_room(charge->account, slot) : room;
    return own < room ? own : room;
}

int charge_set(struct charge *charge, enum user_quota slot, uint64_t amount, struct refusal *refusal) {
    uint64_t used = charge->used[slot];
    if (amount > used)
        return charge_take(charge, slot, amount - used, refusal);
    charge_give(charge, slot, used - amount);
    return 0;
}

void charges_leave(struct account *account) {
    struct ring *node;
    while ((node = ring_first(&account->charges))) {
        struct charge *charge = CONTAINER_OF(node, struct charge, node);
        for (int slot = 0; slot < USER_QUOTAS; slot++)
            account_leave(account, (enum user_quota)slot, charge->used[slot]);
        charge->account = NULL;
        ring_remove(node);
    }
}
