/* holders.c: short lists of the biggest accounts, and a walk that the next refusal continues. */
#include "holders.h"

#include "account.h"
#include "daemon/base/metrics.h"
#include "limit.h"
#include "refusal.h"
#include "user.h"

#include <inttypes.h>
#include <stdio.h>

enum { USERS_LOOKS = 1024 };

static uint64_t usage(const struct account *account, int slot) { return account ? account->used[slot] : 0; }

/* Shifts the accounts from the place on, up to the account's old place. */
static void insert(struct holders *holders, int place, struct account *account) {
    for (; place < HOLDERS_TOP; place++) {
        struct account *moved = holders->top[place];
        holders->top[place] = account;
        if (moved == account)
            return;
        account = moved;
    }
}

void holders_note(struct holders *holders, struct account *account, int slot) {
    for (int place = 0; place < HOLDERS_TOP && holders->top[place] != account; place++) {
        if (usage(holders->top[place], slot) >= usage(account, slot))
            continue;
        insert(holders, place, account);
        return;
    }
}

void holders_forget(struct user *user, const struct account *account) {
    if (user->seen == account)
        user->seen = account->next;
    for (int slot = 0; slot < USER_QUOTAS; slot++) {
        struct holders *holders = &user->holders[slot];
        int kept = 0;
        for (int place = 0; place < HOLDERS_TOP; place++)
            if (holders->top[place] != account)
                holders->top[kept++] = holders->top[place];
        while (kept < HOLDERS_TOP)
            holders->top[kept++] = NULL;
    }
}

/* Sorts by current usage: accounts may have given things back since they were noted. */
static void sort(struct holders *holders, int slot) {
    struct holders noted = *holders;
    *holders = (struct holders){{NULL}};
    for (int place = 0; place < HOLDERS_TOP; place++)
        if (usage(noted.top[place], slot))
            holders_note(holders, noted.top[place], slot);
}

void holders_write(struct user *user, int slot, char *text, size_t room) {
    struct holders *holders = &user->holders[slot];
    size_t length = 0;
    sort(holders, slot);
    for (int i = 0; i < HOLDERS_LOOKS && user->accounts; i++) {
        if (!user->seen)
            user->seen = user->accounts;
        holders_note(holders, user->seen, slot);
        user->seen = user->seen->next;
    }
    for (int place = 0; place < HOLDERS_TOP && length < room && usage(holders->top[place], slot); place++)
        length += (size_t)snprintf(text + length, room - length, "%s session %" PRIu64 " (%s) %" PRIu64,
                                   place ? "," : "", holders->top[place]->session, holders->top[place]->name,
                                   holders->top[place]->used[slot]);
}

/* Slots of the fd table that the user has. */
static uint64_t places(const struct user *user) {
    return user ? user->used[USER_DESCRIPTORS] - user->passing + user->used[USER_CONNECTIONS] + user->discards
                : 0;
}

/* The uid with the most slots: the one found last, or one of the next USERS_LOOKS. */
static const struct user *find_most(struct users *users) {
    const struct table *table = &users->by_uid;
    const struct user *most = table_find(table, users->most_uid);
    for (size_t i = 0; i < USERS_LOOKS && i < table_places(table); i++) {
        const struct user *user = table_at(table, users->seen++ % table_places(table));
        if (places(user) > places(most))
            most = user;
    }
    users->most_uid = most ? most->uid : 0;
    return most;
}

/* For a uid that must leave slots for others. */
static int refuse_share(const struct user *user, const char *top, struct refusal *refusal) {
    static const char hint[] =
        "a uid may have two connections and a quarter of the table, and no more than it leaves "
        "free; remove what is no longer needed, or end a session";
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, hint,
                       "limit of the descriptor table: uid %" PRIu64 " has %" PRIu64 " slots (%" PRIu64
                       " connections, %" PRIu64 " descriptors, %u being closed), which is its share now%s%s",
                       user->uid, places(user), user->used[USER_CONNECTIONS],
                       user->used[USER_DESCRIPTORS] - user->passing, user->discards, *top ? "; most:" : "",
                       top);
}

int holders_refuse_table(struct user *user, struct refusal *refusal) {
    static const char hint[] =
        "remove what is no longer needed, or start the broker with a higher open file limit";
    struct users *users = user->users;
    bool admin = limit_is_admin(user);
    const struct user *most = admin ? find_most(users) : NULL;
    char top[160] = "", other[80] = "";
    metrics_add(METRIC_LIMITS_TABLE, 1);
    holders_write(user, USER_DESCRIPTORS, top, sizeof top);
    if (!admin)
        return refuse_share(user, top, refusal);
    if (most && most != user)
        snprintf(other, sizeof other, "; uid %" PRIu64 " has the most slots, %" PRIu64, most->uid,
                 places(most));
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, hint,
                       "the broker's descriptor table is full%s; uid %" PRIu64 " has %" PRIu64
                       " slots, %u of them being closed%s%s",
                       other, user->uid, places(user), user->discards, *top ? "; most:" : "", top);
}
