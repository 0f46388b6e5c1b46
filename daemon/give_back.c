/* give_back.c: first the numbers, then sessions, then holds and what was made by them in the order of their ids. */
#include "give_back.h"

#include "access/fd_table.h"
#include "access/refusal.h"
#include "base/log.h"
#include "keeper.pb-c.h"
#include "object/discard.h"
#include "object/env.h"
#include "object/registry.h"
#include "proto/container.h"
#include "session/connection_again.h"
#include "session/hold_record.h"
#include "session/holding.h"
#include "session/recorded.h"
#include "session/session.h"
#include "upgrade/heir.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How many ids are promised at a time; far more than a turn issues. */
static const uint64_t PROMISE = UINT64_C(1) << 20;

enum { VERSION = 1 };

struct gathered {
    struct store_entry entry; /* with a copy of its record */
    enum recorded_rank rank;
};

struct all {
    struct give_back *give_back;
    struct store *store;
    struct heir *heir;
    struct gathered *entries;
    size_t n, room;
    bool numbered;
    int error;
};

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static void on_promised(struct store_order *order, int error) {
    struct give_back *give_back = CONTAINER_OF(order, struct give_back, order);
    give_back->giving = false;
    if (!error)
        give_back->promised = give_back->next;
    else
        log_write(LOG_LEVEL_ERROR, "the keeper cannot keep which ids there may be: %s",
                  os_error_text(-error));
}

static int promise(struct give_back *give_back) {
    const struct registry *registry = give_back->sessions->registry;
    Portd__Keeper__V1__Record record = PORTD__KEEPER__V1__RECORD__INIT;
    Portd__Keeper__V1__Numbers numbers = PORTD__KEEPER__V1__NUMBERS__INIT;
    uint8_t bytes[STORE_RECORD_MAX];
    uint64_t promised = registry->issued + 2 * PROMISE;
    numbers.epoch = registry->epoch;
    numbers.issued = promised;
    numbers.rounds = registry->shuffle.rounds;
    numbers.key_low = registry->shuffle.key[0];
    numbers.key_high = registry->shuffle.key[1];
    record.version = VERSION;
    record.numbers = &numbers;
    const struct store_entry entry = {
        .key = 0, .record = bytes, .length = portd__keeper__v1__record__pack(&record, bytes)};
    give_back->order = (struct store_order){.done = on_promised};
    int error = store_keep(&give_back->order, &entry);
    if (!error)
        error = store_commit(give_back->store, &give_back->order);
    if (error < 0)
        return error;
    give_back->giving = error == 0;
    give_back->next = promised;
    if (error == 1) /* the keeper has gone, and nobody asks any more */
        give_back->store = NULL;
    return 0;
}

void give_back_after(struct give_back *give_back) {
    if (give_back->store && !give_back->giving &&
        give_back->sessions->registry->issued + PROMISE > give_back->promised)
        (void)promise(give_back); /* it is tried again after the next turn */
}

static int take_numbers(struct all *all, const struct store_entry *entry) {
    struct registry *registry = all->give_back->sessions->registry;
    Portd__Keeper__V1__Record *record = portd__keeper__v1__record__unpack(NULL, entry->length, entry->record);
    const Portd__Keeper__V1__Numbers *numbers = record ? record->numbers : NULL;
    int error = numbers ? 0 : -EINVAL;
    if (!error) {
        registry->epoch = numbers->epoch;
        registry->issued = numbers->issued;
        registry->shuffle.rounds = numbers->rounds;
        registry->shuffle.key[0] = numbers->key_low;
        registry->shuffle.key[1] = numbers->key_high;
        all->numbered = true;
    }
    portd__keeper__v1__record__free_unpacked(record, NULL);
    return error;
}

/* ---- holds -------------------------------------------------------------------------------------------------------- */

static int gather_one(struct all *all, const struct store_entry *entry) {
    size_t room = all->room ? 2 * all->room : 64;
    if (all->n == all->room) {
        struct gathered *entries = realloc(all->entries, room * sizeof *entries);
        if (!entries)
            return -ENOMEM;
        all->entries = entries;
        all->room = room;
    }
    uint8_t *record = malloc(entry->length + 1);
    if (!record)
        return -ENOMEM;
    memcpy(record, entry->record, entry->length);
    struct gathered *gathered = &all->entries[all->n++];
    gathered->entry = *entry;
    gathered->entry.record = record;
    gathered->rank = recorded_rank(&gathered->entry);
    return 0;
}

static void close_all(const struct all *all, const struct store_entry *entry) {
    const struct env *env = all->give_back->sessions->env;
    for (size_t i = 0; i < entry->n_fds; i++)
        discard_close_nobodys(env->closer, env->fd_table, entry->fds[i], env->own);
}

static void on_entry(void *context, struct store_entry *entry) {
    struct all *all = context;
    /* What the keeper knows of sessions the other broker knows better. */
    bool known = all->heir->is_one && !entry->moved && entry->key && recorded_is_known(entry);
    int error = known ? 0 : entry->key ? gather_one(all, entry) : take_numbers(all, entry);
    fd_table_take(all->give_back->sessions->env->fd_table, entry->n_fds);
    if (known)
        close_all(all, entry);
    if (error)
        close_all(all, entry); /* the keeper has its copies */
    if (error && !all->error)
        all->error = error;
}

static const struct registry *sorted_by; /* qsort has no context */

static int compare(const void *a, const void *b) {
    const struct gathered *one = a, *other = b;
    uint64_t left = registry_number(sorted_by, one->entry.key);
    uint64_t right = registry_number(sorted_by, other->entry.key);
    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    return left < right ? -1 : left > right;
}

/* What cannot be restored is lost, unless another broker has it. */
static const char *fate_of(const struct all *all) {
    return all->heir->is_one ? "cannot be taken over" : "is lost";
}

static void lose(const struct all *all, const struct store_entry *entry, const struct hold_record *record,
                 const char *why) {
    char name[LOG_QUOTED(sizeof record->name)];
    log_write(LOG_LEVEL_ERROR, "a held descriptor %s: %s; id=%" PRIu64 " owner=%" PRIu64 " name=%s",
              fate_of(all), why, entry->key, record->owner, log_quote(name, sizeof name, record->name));
}

static void on_dropped(struct store_order *order, int error) {
    (void)error;
    free(order);
}

/* The keeper closes what is lost. Without memory it has it until it ends. */
static void forget(struct store *store, uint64_t key) {
    struct store_order *order = calloc(1, sizeof *order);
    if (!order)
        return;
    order->done = on_dropped;
    if (store_forget(order, key) || store_commit(store, order))
        free(order);
}

/* The other broker still has it, if there is one. */
static void lose_one(struct all *all, const struct store_entry *entry) {
    if (all->heir->is_one)
        all->error = -ECANCELED;
    else
        forget(all->store, entry->key);
}

/* True: it is held again. What a newer program wrote stays with the keeper, and comes back when that runs again. */
static bool restore(struct all *all, struct store_entry *entry) {
    struct sessions *sessions = all->give_back->sessions;
    struct hold_record record = {.owner = 0};
    struct refusal refusal;
    int done = recorded_restore(sessions, entry, &refusal);
    if (done < 0) {
        log_write(LOG_LEVEL_ERROR, "a part of a session %s: %s; id=%" PRIu64, fate_of(all), refusal.text,
                  entry->key);
        lose_one(all, entry);
    }
    if (done)
        return false;
    int error = hold_record_read(entry, &record);
    if (all->heir->is_one && (entry->moved || error == -ENOMEM))
        all->error = error == -ENOMEM ? -ENOMEM : -ECANCELED; /* the other broker has it */
    if (error) {
        log_write(
            LOG_LEVEL_WARNING,
            "the keeper has a record that this version of portd does not know, and keeps it; id=%" PRIu64,
            entry->key);
        close_all(all, entry);
        return false;
    }
    if (!held_restore(sessions, entry, &record, &refusal))
        return true;
    lose(all, entry, &record, refusal.text);
    lose_one(all, entry);
    return false;
}

/* Connections come last, and need everything else. */
static int finish(struct all *all) {
    struct sessions *sessions = all->give_back->sessions;
    int error = all->error ? all->error : heir_connect(all->heir, sessions);
    if (error)
        return error;
    recorded_finish(sessions);
    return all->heir->is_one ? heir_take_over(all->heir) : 0;
}

int give_back_begin(struct give_back *give_back, struct sessions *sessions, struct store *store,
                    struct heir *heir) {
    struct all all = {.give_back = give_back, .store = store, .heir = heir};
    size_t holds = 0;
    *give_back = (struct give_back){.sessions = sessions, .store = store_is_kept(store) ? store : NULL};
    if (!give_back->store)
        return 0;
    if (heir->is_one)
        sessions_freeze(sessions);
    int error = heir->is_one ? heir_read(heir, on_entry, &all) : 0;
    if (!error)
        error = store_read(store, on_entry, &all);
    if (!error)
        error = all.error;
    if (!error && all.n && !all.numbered)
        error = -EINVAL;
    if (!error)
        error = promise(give_back);
    if (!error && all.n) {
        sorted_by = sessions->registry;
        qsort(all.entries, all.n, sizeof *all.entries, compare);
    }
    for (size_t i = 0; i < all.n; i++) {
        holds += !error && restore(&all, &all.entries[i].entry);
        free((void *)(uintptr_t)all.entries[i].entry.record);
    }
    free(all.entries);
    if (!error)
        error = finish(&all);
    if (error)
        heir_fail(heir,
                  error == -ECANCELED ? "it cannot have all that this broker has" : os_error_text(-error));
    if (!error && all.n)
        log_write(LOG_LEVEL_INFO,
                  "what an earlier broker held is there again; holds=%zu records=%zu sessions=%zu "
                  "connections=%zu",
                  holds, all.n, sessions->n, sessions->n_connections);
    if (error)
        log_write(LOG_LEVEL_ERROR, "cannot get back what the keeper has: %s", os_error_text(-error));
    return error;
}
