/* kept.c: the table first, then the account. */
#include "kept.h"

#include "account.h"
#include "fd_table.h"
#include "holders.h"
#include "limit.h"
#include "quota.h"
#include "user.h"

static int charge(struct user *user, struct account *account, size_t opened, size_t n,
                  struct refusal *refusal) {
    if (!limit_may_keep(user, n, opened))
        return holders_refuse_table(user, refusal);
    return account ? account_take(account, USER_DESCRIPTORS, n, refusal)
                   : user_take(user, USER_DESCRIPTORS, n, refusal);
}

int kept_take(struct user *user, struct account *account, size_t n, struct refusal *refusal) {
    if (charge(user, account, n, n, refusal))
        return -1;
    fd_table_take(user->users->fd_table, n);
    return 0;
}

int kept_receive(struct account *account, struct refusal *refusal) {
    return charge(account->user, account, 0, 1, refusal);
}

void kept_uncharge(struct user *user, struct account *account, size_t n) {
    if (account)
        account_give(account, USER_DESCRIPTORS, n);
    else
        user_give(user, USER_DESCRIPTORS, n);
}

void kept_give(struct user *user, struct account *account, size_t n) {
    fd_table_give(user->users->fd_table, n);
    kept_uncharge(user, account, n);
}
