/* account.c: a session's usage; everything that a session takes is taken from its uid, too. */
#include "account.h"

#include "limit.h"
#include "refusal.h"
#include "user.h"
#include "utlist.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { SESSION_SPARE = 64 };

void account_init(struct account *account, struct user *user, uint64_t session, const char *name) {
    memset(account, 0, sizeof *account);
    account->user = user;
    account->session = session;
    account->name = name;
    ring_init(&account->charges);
    DL_APPEND(user->accounts, account);
}

void account_deinit(struct account *account) {
    assert(ring_is_empty(&account->charges));
    for (int slot = 0; slot < USER_QUOTAS; slot++)
        if (account->used[slot])
            account_give(account, (enum user_quota)slot, account->used[slot]);
    holders_forget(account->user, account);
    DL_DELETE(account->user->accounts, account);
}

/* Of what the uid may have. */
static uint64_t session_limit(uint64_t limit) { return limit - limit / SESSION_SPARE; }

static uint64_t room_below(const struct account *account, enum user_quota slot, uint64_t limit) {
    return account->used[slot] < limit ? limit - account->used[slot] : 0;
}

uint64_t account_room(const struct account *account, enum user_quota slot) {
    return room_below(account, slot, session_limit(limit_of(account->user, slot)));
}

int account_take(struct account *account, enum user_quota slot, uint64_t amount, struct refusal *refusal) {
    uint64_t limit = limit_of(account->user, slot);
    if (amount > room_below(account, slot, session_limit(limit))) {
        quota_count(slot);
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, "remove or release what is no longer needed",
                           "limit of %s: session %" PRIu64 " (%s) has %" PRIu64 " of %" PRIu64
                           " and asks for %" PRIu64 " more",
                           quota_name(slot), account->session, account->name, account->used[slot],
                           session_limit(limit), amount);
    }
    if (user_take_below(account->user, limit, slot, amount, refusal))
        return -1;
    account->used[slot] += amount;
    holders_note(&account->user->holders[slot], account, (int)slot);
    return 0;
}

int account_check(struct account *account, enum user_quota slot, uint64_t amount, struct refusal *refusal) {
    if (account_take(account, slot, amount, refusal))
        return -1;
    account_give(account, slot, amount);
    return 0;
}

void account_give(struct account *account, enum user_quota slot, uint64_t amount) {
    account_leave(account, slot, amount);
    user_give(account->user, slot, amount);
}

void account_leave(struct account *account, enum user_quota slot, uint64_t amount) {
    assert(account->used[slot] >= amount);
    account->used[slot] -= amount;
}

void account_join(struct account *account, enum user_quota slot, uint64_t amount) {
    account->used[slot] += amount;
    holders_note(&account->user->holders[slot], account, (int)slot);
}
