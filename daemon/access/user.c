/* user.c: usage and limits per uid. */
#include "user.h"

#include "daemon/base/log.h"
#include "fd_table.h"
#include "gate.h"
#include "limit.h"
#include "proto/container.h"
#include "proto/os.h"
#include "refusal.h"
#include "utlist.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000000, OWING_LOOKS = 2 };

static void on_rested(struct lane *lane, int64_t cost_us, int64_t rest_us) {
    os_uid uid = CONTAINER_OF(lane, struct user, lane)->uid;
    log_write_about(LOG_TOPIC_REST, uid, rest_us > TURN_REST_FIRST_US ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                    "user paused: its calls took long in the kernel; uid=%" PRIu64 " took_ms=%" PRId64
                    " pause_ms=%" PRId64,
                    uid, cost_us / 1000, rest_us / 1000);
}

int users_init(struct users *users, os_uid own, struct fd_table *fd_table, uint64_t seed) {
    size_t descriptors = fd_table_free(fd_table);
    /* Numbers begin with the time, so that they are above those of an earlier broker. */
    int error = journal_init(&users->journal, USERS_JOURNAL, (uint64_t)os_wall_us());
    if (error)
        return error;
    table_init(&users->by_uid, offsetof(struct user, uid), seed);
    turns_init(&users->turns);
    users->turns.rested = on_rested;
    ring_init(&users->starved);
    ring_init(&users->owing);
    users->n_owing = 0;
    users->fd_table = fd_table;
    users->reserve = descriptors / LIMIT_RESERVE_PART;
    if (users->reserve > LIMIT_RESERVE)
        users->reserve = LIMIT_RESERVE;
    users->own = own;
    limits_init(users, descriptors);
    users->n_journals = users->n_monitors = 0;
    users->sorted = NULL;
    users->n_sorted = users->room_sorted = 0;
    users->most_uid = 0;
    users->seen = 0;
    return 0;
}

void users_renew_limits(struct users *users) {
    for (size_t i = 0; i < users->n_sorted; i++) {
        struct user *user = users->sorted[i];
        limits_compute(user);
        if (user->refs)
            gates_look(user);
    }
}

static void user_free(struct user *user);

void users_deinit(struct users *users, bool left_behind) {
    struct ring *node;
    while ((node = ring_first(&users->owing)))
        user_free(CONTAINER_OF(node, struct user, owing));
    assert(left_behind || users->by_uid.used == 0);
    (void)left_behind;
    table_deinit(&users->by_uid);
    limits_deinit(users);
    free(users->sorted);
    journal_deinit(&users->journal);
}

/* The place of the first user with that uid or a higher one. */
static size_t place_of(const struct users *users, os_uid uid) {
    size_t from = 0, to = users->n_sorted;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (users->sorted[middle]->uid < uid)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Makes room for one more user in `sorted`. 0 or -1. */
static int reserve_sorted(struct users *users) {
    size_t room = users->room_sorted ? 2 * users->room_sorted : 16;
    struct user **sorted;
    if (users->n_sorted < users->room_sorted)
        return 0;
    sorted = realloc(users->sorted, room * sizeof(*sorted));
    if (!sorted)
        return -1;
    users->sorted = sorted;
    users->room_sorted = room;
    return 0;
}

static void put_sorted(struct users *users, struct user *user) {
    size_t place = place_of(users, user->uid);
    memmove(&users->sorted[place + 1], &users->sorted[place],
            (users->n_sorted++ - place) * sizeof(struct user *));
    users->sorted[place] = user;
}

static void take_sorted(struct users *users, const struct user *user) {
    size_t place = place_of(users, user->uid);
    memmove(&users->sorted[place], &users->sorted[place + 1],
            (--users->n_sorted - place) * sizeof(struct user *));
}

static void stop_owing(struct user *user) {
    ring_remove(&user->owing);
    user->users->n_owing--;
}

/* Gives a user that has its place, its lane and nothing else what each user has. */
static void begin(struct user *user) {
    limits_compute(user);
    user->rate_tokens = (int64_t)limit_rate(user);
    gates_init(user);
    discard_queue_init(&user->discard_queue);
    ring_init(&user->arrivals);
    ring_init(&user->pools);
    ring_init(&user->retested);
    ring_init(&user->nestings);
}

struct user *user_ref(struct users *users, os_uid uid) {
    struct user *user = table_find(&users->by_uid, uid);
    if (user) {
        if (ring_has(&user->owing))
            stop_owing(user);
        user->refs++;
        return user;
    }
    user = calloc(1, sizeof *user);
    if (!user)
        return NULL;
    *user = (struct user){.uid = uid, .users = users};
    if (reserve_sorted(users) || table_add(&users->by_uid, user)) {
        free(user);
        return NULL;
    }
    put_sorted(users, user);
    lane_init(&user->lane, &users->turns);
    begin(user);
    user->refs = 1;
    return user;
}

static size_t journal_bytes(void) { return sizeof(struct journal) + USER_JOURNAL * sizeof(struct notice); }

static void drop_journal(struct user *user) {
    if (!user->journal)
        return;
    journal_deinit(user->journal);
    free(user->journal);
    user->users->n_journals--;
    user_give(user, USER_BYTES, journal_bytes());
}

/* Takes everything from a user without references: it is as a new one, but for what its lane owes. */
static void end(struct user *user) {
    drop_journal(user);
    for (int slot = 0; slot < USER_QUOTAS; slot++)
        assert(user->used[slot] == 0);
    assert(!user->accounts && !user->always_readies && !user->nesting && !user->monitors && !user->discards &&
           !user->passing && !ring_has(&user->passings.node) && !user->turned_away);
    assert(ring_is_empty(&user->discard_queue.records) && ring_is_empty(&user->arrivals) &&
           ring_is_empty(&user->pools) && ring_is_empty(&user->retested) && ring_is_empty(&user->nestings));
    turn_forget(&user->retest);
    turn_forget(&user->arrive);
    turn_forget(&user->ready_list.task);
    free(user->ready_list.ids);
    gates_deinit(user);
    order_deinit(&user->order);
    *user = (struct user){.uid = user->uid, .users = user->users, .lane = user->lane};
    begin(user);
}

static void user_free(struct user *user) {
    if (ring_has(&user->owing))
        stop_owing(user);
    table_remove(&user->users->by_uid, user);
    take_sorted(user->users, user);
    lane_deinit(&user->lane);
    free(user);
}

static void free_paid(struct users *users) {
    struct ring *node;
    for (int i = 0; i < OWING_LOOKS && (node = ring_first(&users->owing)); i++) {
        struct user *user = CONTAINER_OF(node, struct user, owing);
        ring_remove(node);
        ring_add(&users->owing, node);
        if (!lane_owes(&user->lane))
            user_free(user);
    }
}

void user_unref(struct user *user) {
    if (!user || --user->refs)
        return;
    end(user);
    if (!lane_owes(&user->lane)) {
        user_free(user);
        return;
    }
    ring_add(&user->users->owing, &user->owing);
    user->users->n_owing++;
    free_paid(user->users);
}

static int refuse(struct user *user, enum user_quota slot, uint64_t amount, struct refusal *refusal) {
    char top[160] = "";
    quota_count(slot);
    holders_write(user, (int)slot, top, sizeof top);
    return refusal_set(
        refusal, REFUSAL_LIMIT, NULL, "remove or release what is no longer needed, or end a session",
        "limit of %s: uid %" PRIu64 " has %" PRIu64 " of %" PRIu64 " and asks for %" PRIu64 " more%s%s",
        quota_name(slot), user->uid, user->used[slot], limit_of(user, slot), amount, *top ? "; most:" : "",
        top);
}

uint64_t user_left(const struct user *user, enum user_quota slot) {
    uint64_t limit = limit_of(user, slot), used = user->used[slot];
    return used < limit ? limit - used : 0;
}

int user_take_below(struct user *user, uint64_t limit, enum user_quota slot, uint64_t amount,
                    struct refusal *refusal) {
    uint64_t used = user->used[slot];
    if (amount && (used >= limit || amount > limit - used))
        return refuse(user, slot, amount, refusal);
    user->used[slot] = used + amount;
    return 0;
}

int user_take(struct user *user, enum user_quota slot, uint64_t amount, struct refusal *refusal) {
    return user_take_below(user, limit_of(user, slot), slot, amount, refusal);
}

int user_check(struct user *user, enum user_quota slot, uint64_t amount, struct refusal *refusal) {
    return amount > user_left(user, slot) ? refuse(user, slot, amount, refusal) : 0;
}

void user_give(struct user *user, enum user_quota slot, uint64_t amount) {
    assert(user->used[slot] >= amount);
    user->used[slot] -= amount;
    if (slot == USER_BYTES)
        gates_look(user);
}

void users_note(struct users *users, struct notice *notice) {
    notice->time_us = os_wall_us();
    journal_note(&users->journal, notice);
    if (!users->n_journals)
        return;
    struct user *user = table_find(&users->by_uid, notice->uid);
    if (user && user->journal)
        journal_note(user->journal, notice);
}

int user_keep_journal(struct user *user, struct refusal *refusal) {
    const struct journal *all = &user->users->journal;
    struct journal *journal;
    if (user->journal)
        return 0;
    if (user_take(user, USER_BYTES, journal_bytes(), refusal))
        return -1;
    journal = malloc(sizeof *journal);
    if (!journal || journal_init(journal, USER_JOURNAL, (uint64_t)os_wall_us())) {
        free(journal);
        user_give(user, USER_BYTES, journal_bytes());
        return refusal_memory(refusal);
    }
    for (uint64_t number = journal_oldest(all); number < all->next; number++)
        if (journal_at(all, number)->uid == user->uid)
            journal_note(journal, journal_at(all, number));
    user->journal = journal;
    user->users->n_journals++;
    return 0;
}

size_t users_next(const struct users *users, uint64_t from, const struct user **found, size_t room) {
    size_t place = place_of(users, from), n = 0;
    for (; n < room && place < users->n_sorted; place++)
        if (users->sorted[place]->refs)
            found[n++] = users->sorted[place];
    return n;
}

int64_t user_refill(struct user *user) {
    int64_t rate = (int64_t)limit_rate(user), now;
    if (user->rate_tokens > rate) /* the limit was lowered */
        user->rate_tokens = rate;
    if (user->rate_tokens > 0) {
        user->rate_tokens--;
        return 0;
    }
    now = os_now_us();
    int64_t passed = now - user->rate_filled;
    if (passed > SECOND)
        passed = SECOND;
    int64_t gained = passed * rate / SECOND;
    if (gained < 1)
        return SECOND / rate + 1;
    user->rate_filled = now;
    user->rate_tokens = gained - 1;
    return 0;
}

int64_t user_take_round(struct user *user) {
    int64_t now = os_now_us(), at = user->next_round;
    if (at < now - SECOND)
        at = now - SECOND;
    user->next_round = at + SECOND / USER_ROUNDS;
    return at > now ? at - now : 0;
}

void user_give_round(struct user *user) { user->next_round -= SECOND / USER_ROUNDS; }
