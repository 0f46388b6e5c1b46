/* bag.c: in order, and in turns of the sender.
 *
 * A name is held once in the broker, while a program may store many descriptors under one: the second is held as "NAME:2", as no name of a program has a
 * colon. What is held under such a name already is not held twice. */
#include "bag.h"

#include "daemon/access/fd_table.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/base/log.h"
#include "daemon/base/metrics.h"
#include "daemon/object/bound.h"
#include "daemon/object/cause.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "daemon/object/hold.h"
#include "daemon/object/inspect.h"
#include "daemon/object/registry.h"
#include "hold_record.h"
#include "holding.h"
#include "proto/container.h"
#include "session.h"
#include "utlist.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAME_MOST = 128,  /* under one name */
    UNITS_NAMES = 16, /* of a turn, for a look at all of them */
    UNITS_STORE = 4,
    FULL_US = 10000 /* the keeper has no room: how long until it is tried again */
};

void bag_refuse(os_uid uid, uint32_t pid, const struct refusal *refusal) {
    char quoted[LOG_QUOTED(sizeof refusal->text)];
    metrics_add(METRIC_REQUESTS_REFUSED, 1);
    metrics_add((enum metric)((int)METRIC_REFUSALS_NONE + (int)refusal->code), 1);
    log_write_about(LOG_TOPIC_NOTIFICATION, uid, LOG_LEVEL_WARNING,
                    "a notification is not heeded, or not all of it; uid=%" PRIu64 " pid=%u reason=%s", uid,
                    (unsigned)pid, log_quote(quoted, sizeof quoted, refusal->text));
}

static void discard(const struct bag *bag, os_fd fd) {
    metrics_add(METRIC_CLOSES, 1);
    discard_close(bag->sessions->env->closer, bag->user, fd);
}

/* With what is left of it. */
static void item_free(struct bag *bag, struct item *item) {
    DL_DELETE(bag->items, item);
    for (; item->at < item->n_fds; item->at++)
        if (item->fds[item->at] != OS_FD_NONE)
            discard(bag, item->fds[item->at]);
    charge_deinit(&item->charge);
    free(item);
}

static void bag_free(struct bag *bag) {
    struct user *user = bag->user;
    while (bag->items)
        item_free(bag, bag->items);
    DL_DELETE(*bag->all, bag);
    turn_forget(&bag->task);
    loop_timer_free(&bag->pause);
    free(bag);
    user_unref(user);
}

void bags_free(struct bag **all) {
    while (*all)
        bag_free(*all);
}

/* ---- names -------------------------------------------------------------------------------------------------------- */

/* The one of that number, from 1 on. False: it is too long. */
static bool write_name(char name[HOLD_NAME_MAX + 1], const char *base, int number) {
    int length = number == 1 ? snprintf(name, HOLD_NAME_MAX + 1, "%s", base)
                             : snprintf(name, HOLD_NAME_MAX + 1, "%s:%d", base, number);
    return length > 0 && length <= HOLD_NAME_MAX;
}

/* A free name of those. 1: the same open file is held under one of them; 0; or -1 and the refusal. */
static int find_name(const struct bag *bag, const char *base, os_fd fd, char name[HOLD_NAME_MAX + 1],
                     struct refusal *refusal) {
    char one[HOLD_NAME_MAX + 1];
    *name = '\0';
    for (int i = 1; i <= SAME_MOST && write_name(one, base, i); i++) {
        const struct held *held = held_find(bag->sessions, bag->user->uid, one);
        if (held && inspect_same(bound_descriptor(held->hold.binding)->fd, fd))
            return 1;
        if (!held && !*name)
            memcpy(name, one, sizeof one);
    }
    return *name ? 0
                 : refusal_set(refusal, REFUSAL_LIMIT, "name", NULL, "too much is held as \"%.100s\"", base);
}

static void remove_all(struct bag *bag, const char *base) {
    char one[HOLD_NAME_MAX + 1];
    for (int i = 1; i <= SAME_MOST && write_name(one, base, i); i++) {
        struct held *held = held_find(bag->sessions, bag->user->uid, one);
        if (held)
            held_end(held, CAUSE_REMOVED);
    }
    turn_spend(bag->user->lane.turns, UNITS_NAMES);
}

/* ---- store -------------------------------------------------------------------------------------------------------- */

/* NULL: nothing to be done, or refused; code NONE: the former. */
static struct held *make(struct bag *bag, struct item *item, os_fd *fd, struct refusal *refusal) {
    struct holding_terms terms = {.hang_up = item->what.polls};
    struct refusal unwatched;
    char name[HOLD_NAME_MAX + 1];
    struct held *held;
    refusal_clear(refusal);
    if (find_name(bag, *item->what.name ? item->what.name : "stored", *fd, name, refusal))
        return NULL;
    held = held_new_for(bag->sessions, bag->user, item->pid, fd, refusal);
    if (!held)
        return NULL;
    if (terms.hang_up && hold_check_hang_up(&held->hold, &unwatched)) /* it has no hang-up */
        terms.hang_up = false;
    if (!held_lease(held, &terms, refusal)) {
        if (!hold_enter(&held->hold, bag->user->uid, name))
            return held;
        (void)refusal_memory(refusal);
    }
    held_end(held, CAUSE_REMOVED);
    return NULL;
}

static void on_kept(struct store_order *order, int error) {
    struct bag *bag = CONTAINER_OF(order, struct bag, order);
    const struct object *object = error ? registry_find(bag->sessions->registry, bag->stored) : NULL;
    struct hold *hold = object ? hold_of(bound_of_object(object)) : NULL;
    struct refusal refusal;
    bag->waits = false;
    if (error) {
        (void)refusal_system(&refusal, -error, "the keeper cannot keep it");
        bag_refuse(bag->user->uid, bag->items ? bag->items->pid : 0, &refusal);
    }
    if (hold && !hold->cause)
        held_end(held_of(hold), CAUSE_REMOVED);
    turn_queue(&bag->user->lane, &bag->task);
}

/* 0, or -1 and the refusal: it is not held. */
static int keep(struct bag *bag, struct held *held, struct refusal *refusal) {
    struct store *store = bag->sessions->store;
    if (!store || !store_is_kept(store))
        return 0;
    bag->order = (struct store_order){.done = on_kept};
    bag->stored = held->hold.id;
    int error = hold_record_keep(&bag->order, held, NULL);
    if (error)
        store_cancel(&bag->order);
    else
        error = store_commit(store, &bag->order);
    held->kept = bag->waits = error == 0;
    if (error >= 0)
        return 0;
    held_end(held, CAUSE_REMOVED);
    return error == -ENOMEM ? refusal_memory(refusal)
                            : refusal_system(refusal, -error, "cannot give it to the keeper");
}

static void store_next(struct bag *bag, struct item *item) {
    os_fd *fd = &item->fds[item->at];
    struct refusal refusal;
    charge_give(&item->charge, USER_DESCRIPTORS, 1); /* the hold has its own */
    turn_spend(bag->user->lane.turns, UNITS_STORE + UNITS_NAMES);
    struct held *held = make(bag, item, fd, &refusal);
    if (held && keep(bag, held, &refusal))
        held = NULL;
    if (!held && refusal.code)
        bag_refuse(bag->user->uid, item->pid, &refusal);
    if (*fd != OS_FD_NONE)
        discard(bag, *fd);
    item->at++;
}

/* ---- turns -------------------------------------------------------------------------------------------------------- */

static bool is_full(const struct bag *bag) {
    const struct store *store = bag->sessions->store;
    return store && store_is_kept(store) && store_is_full(store);
}

/* False: the pause could not begin. */
static bool rest(struct bag *bag, int64_t us) {
    bag->rests = !loop_timer_set(bag->sessions->loop, &bag->pause, os_now_us() + us);
    return bag->rests;
}

/* True: that was all of it. */
static bool advance(struct bag *bag, struct item *item) {
    if (item->what.removes)
        remove_all(bag, item->what.name);
    item->what.removes = false;
    if (item->what.stores && item->at < item->n_fds)
        store_next(bag, item);
    return !bag->waits && (!item->what.stores || item->at == item->n_fds);
}

static void step(struct task *task) {
    struct bag *bag = CONTAINER_OF(task, struct bag, task);
    struct turns *turns = bag->user->lane.turns;
    while (bag->items && !bag->waits && !bag->rests) {
        struct item *item = bag->items;
        int64_t delay = item->begun ? 0 : user_spend(bag->user);
        item->begun = true;
        if (is_full(bag))
            delay = delay > FULL_US ? delay : FULL_US;
        if (delay && rest(bag, delay))
            return;
        if (turn_is_over(turns)) {
            turn_queue(&bag->user->lane, task);
            return;
        }
        if (advance(bag, item)) {
            metrics_add(METRIC_REQUESTS_DONE, 1);
            item_free(bag, item);
        }
    }
    if (!bag->items)
        bag_free(bag);
}

static void on_pause(struct loop_timer *timer) {
    struct bag *bag = CONTAINER_OF(timer, struct bag, pause);
    bag->rests = false;
    turn_queue(&bag->user->lane, &bag->task);
}

/* ---- a new one ---------------------------------------------------------------------------------------------------- */

static struct bag *bag_of(struct bag **all, struct sessions *sessions, struct user *user) {
    struct bag *bag;
    DL_FOREACH (*all, bag)
        if (bag->user == user)
            return bag;
    bag = calloc(1, sizeof *bag);
    if (!bag)
        return NULL;
    bag->all = all;
    bag->sessions = sessions;
    bag->user = user_hold(user);
    bag->task.step = step;
    bag->pause.fn = on_pause;
    DL_APPEND(*all, bag);
    return bag;
}

static int charge(struct item *item, struct user *user, size_t size, struct refusal *refusal) {
    charge_init(&item->charge, user, NULL);
    if (!limit_may_keep(user, item->n_fds, 0))
        return holders_refuse_table(user, refusal);
    return charge_take(&item->charge, USER_DESCRIPTORS, item->n_fds, refusal) ||
                   charge_take(&item->charge, USER_BYTES, size, refusal)
               ? -1
               : 0;
}

int bag_add(struct bag **all, struct sessions *sessions, struct user *user, uint32_t pid,
            const struct notification *what, const os_fd *fds, size_t n_fds, struct refusal *refusal) {
    size_t size = sizeof(struct item) + n_fds * sizeof *fds;
    struct item *item = calloc(1, size);
    struct bag *bag = NULL;
    if (item) {
        item->what = *what;
        item->pid = pid;
        item->n_fds = n_fds;
        memcpy(item->fds, fds, n_fds * sizeof *fds);
        if (charge(item, user, size, refusal)) {
            charge_deinit(&item->charge);
            free(item);
            return -1;
        }
        bag = bag_of(all, sessions, user);
    }
    if (!bag) {
        if (item)
            charge_deinit(&item->charge);
        free(item);
        return refusal_memory(refusal);
    }
    DL_APPEND(bag->items, item);
    turn_queue(&user->lane, &bag->task);
    return 0;
}
