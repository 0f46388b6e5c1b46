/* limit.c: computes the limits of users. */
#include "limit.h"

#include <stdlib.h>

/* NULL: the uid has none. */
static const struct limit_override *find(const struct users *users, os_uid uid) {
    size_t from = 0, to = users->n_overrides;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (users->overrides[middle].uid == uid)
            return &users->overrides[middle];
        if (users->overrides[middle].uid < uid)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

static uint64_t share(const struct user *user, uint64_t all) {
    return user->uid == user->users->own ? all : all / LIMIT_SHARE;
}

uint64_t limit_most_slots(const struct users *users, os_uid uid) {
    bool admin = uid == 0 || uid == users->own;
    return admin ? users->slots : users->slots / LIMIT_SHARE;
}

void limits_compute(struct user *user) {
    const struct users *users = user->users;
    const struct limit_override *override = find(users, user->uid);
    uint64_t most = limit_most_slots(users, user->uid);
    for (int slot = 0; slot < USER_QUOTAS; slot++) {
        uint64_t own = override ? override->limits.of[slot] : LIMIT_NOT_SET;
        user->limits[slot] = own == LIMIT_NOT_SET ? share(user, users->limits[slot]) : own;
    }
    if (user->limits[USER_DESCRIPTORS] > most)
        user->limits[USER_DESCRIPTORS] = most;
    user->rate =
        override && override->limits.rate != LIMIT_NOT_SET ? override->limits.rate : share(user, users->rate);
    if (!user->rate)
        user->rate = 1;
}

static void begin(struct users *users) {
    users->limits[USER_SESSIONS] = users->slots;
    users->limits[USER_CONNECTIONS] = users->slots;
    users->limits[USER_DESCRIPTORS] = users->slots;
    users->limits[USER_OBJECTS] = 262144;
    users->limits[USER_WAITS] = 65536;
    users->limits[USER_BYTES] = 80u << 20;
    users->rate = 4000000;
}

void limits_init(struct users *users, size_t slots) {
    users->slots = slots;
    users->overrides = NULL;
    users->n_overrides = 0;
    begin(users);
}

void limits_deinit(struct users *users) { free(users->overrides); }

void limits_set(struct users *users, const struct limits *own, struct limit_override *overrides, size_t n) {
    begin(users);
    for (int slot = 0; slot < USER_QUOTAS; slot++)
        if (own->of[slot] != LIMIT_NOT_SET)
            users->limits[slot] = own->of[slot];
    if (own->rate != LIMIT_NOT_SET)
        users->rate = own->rate;
    free(users->overrides);
    users->overrides = overrides;
    users->n_overrides = n;
}
