/* bag.h: the notifications of one sender that are not done yet (post.h). */
#ifndef BAG_H
#define BAG_H

#include "daemon/access/charge.h"
#include "daemon/base/turn.h"
#include "daemon/loop/loop.h"
#include "daemon/store/store.h"
#include "notification.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct refusal;
struct sessions;
struct user;

struct item {
    struct item *prev, *next;
    struct charge charge;
    struct notification what;
    uint32_t pid;
    bool begun;
    size_t at, n_fds; /* of fds, those before `at` are not the item's any more */
    os_fd fds[];
};

struct bag {
    struct bag **all; /* the list that it is in */
    struct bag *prev, *next;
    struct sessions *sessions;
    struct user *user; /* a reference */
    struct item *items;
    struct task task;
    struct loop_timer pause;
    struct store_order order; /* of what was stored last */
    uint64_t stored;          /* its id */
    bool waits;               /* for the keeper, */
    bool rests;               /* until `pause` ends */
};

/* Takes the descriptors, which are counted in the fd table, and does what the notification says, in turns of the user. 0, or -1 and the refusal: they are the caller's. */
int bag_add(struct bag **all, struct sessions *sessions, struct user *user, uint32_t pid,
            const struct notification *what, const os_fd *fds, size_t n_fds, struct refusal *refusal);

/* Closes all that is not done; no order may be under way (store_leave). */
void bags_free(struct bag **all);

/* A refusal that nobody is told of but the log. */
void bag_refuse(os_uid uid, uint32_t pid, const struct refusal *refusal);

#endif
