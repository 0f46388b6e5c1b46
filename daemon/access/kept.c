/* kept.c: the table first, then the account. */
#include "kept.h"

#include "account.h"
#include "fd_table.h"
#include "holders.h"
#include "limit.h"
#include "quota.h"
#include "user.h"

#include <assert.h>

static int add_charge(struct kept *kept, struct user *user, struct account *account, size_t n,
                      struct refusal *refusal) {
    assert(!kept->user || (kept->user == user && kept->account == account));
    if (account ? account_take(account, USER_DESCRIPTORS, n, refusal)
                : user_take(user, USER_DESCRIPTORS, n, refusal))
        return -1;
    if (!kept->user)
        kept->user = user_hold(user);
    kept->account = account;
    kept->charged += (uint32_t)n;
    return 0;
}

int kept_take(struct kept *kept, struct user *user, struct account *account, size_t n,
              struct refusal *refusal) {
    if (!limit_may_keep(user, n, n))
        return holders_refuse_table(user, refusal);
    if (add_charge(kept, user, account, n, refusal))
        return -1;
    kept_set_slots(kept, user->users->fd_table, kept->slots + n);
    return 0;
}

int kept_receive(struct kept *kept, struct account *account, struct refusal *refusal) {
    if (!limit_may_keep(account->user, 1, 0))
        return holders_refuse_table(account->user, refusal);
    return add_charge(kept, account->user, account, 1, refusal);
}

int kept_charge(struct kept *kept, struct user *user, size_t n, struct refusal *refusal) {
    return add_charge(kept, user, NULL, n, refusal);
}

static void give(struct kept *kept, size_t n) {
    assert(kept->charged >= n);
    kept->charged -= (uint32_t)n;
    if (kept->account)
        account_give(kept->account, USER_DESCRIPTORS, n);
    else
        user_give(kept->user, USER_DESCRIPTORS, n);
}

void kept_uncharge(struct kept *kept, size_t n) {
    if (!kept->user)
        return;
    give(kept, n);
    if (kept->charged)
        return;
    user_unref(kept->user);
    kept->user = NULL;
    kept->account = NULL;
}

void kept_close(struct kept *kept) {
    kept_set_slots(kept, kept->fd_table, kept->slots - 1);
    give(kept, 1);
}

void kept_set_slots(struct kept *kept, struct fd_table *fd_table, size_t n) {
    kept->fd_table = fd_table;
    if (n > kept->slots)
        fd_table_take(fd_table, n - kept->slots);
    else if (n < kept->slots)
        fd_table_give(fd_table, kept->slots - n);
    kept->slots = (uint32_t)n;
}

void kept_adopt(struct kept *kept) {
    kept->fd_table = kept->user->users->fd_table;
    kept->slots++;
}

void kept_hand_on(struct kept *kept) {
    assert(kept->slots);
    kept->slots--;
}

void kept_leave(struct kept *kept) {
    if (kept->account)
        account_leave(kept->account, USER_DESCRIPTORS, kept->charged);
    kept->account = NULL;
}

void kept_join(struct kept *kept, struct account *account) {
    assert(!kept->account || kept->account == account);
    if (!kept->account)
        account_join(account, USER_DESCRIPTORS, kept->charged);
    kept->account = account;
}

void kept_move(struct kept *to, struct kept *from) {
    *to = *from;
    *from = (struct kept){0};
}

void kept_release(struct kept *kept) {
    kept_set_slots(kept, kept->fd_table, 0);
    kept_uncharge(kept, kept->charged);
    *kept = (struct kept){0};
}
