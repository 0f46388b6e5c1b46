/* fdstore.h: the service manager's file descriptor store (FDSTORE=1 of sd_notify(3)), which keeps what the keeper keeps, so that it outlives the
 * keeper as well.
 *
 * There each item is one descriptor, named portd- and 16 hexadecimal digits, its serial: the reading end of a pair of sockets, in whose queue the item and
 * its descriptors are. So an item is there whole or not at all, and the manager, which keeps one descriptor of each open file, keeps two items of the same
 * file. The keeper has that end too: what is forgotten it takes out of the queue, and so it is closed whenever the manager closes its end. The next
 * keeper looks at what is in the queue and leaves it there.
 *
 * What is in queues is in flight for the kernel, which counts that for each user: above a process's limit of open files (1,024, mostly) that user's programs
 * cannot pass descriptors any more. And one variable has the names of all items (LISTEN_FDNAMES), up to 128 KiB. So there is a most of both, beyond which
 * an item is refused with -EDQUOT.
 *
 * An item is done once the manager was sent it. A manager that reads nothing for a while is not waited for: what it was to have
 * is sent when it reads again. */
#ifndef FDSTORE_H
#define FDSTORE_H

#include "daemon/loop/loop.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FDSTORE_FDS_MAX = 5,  /* of one item */
    FDSTORE_MOST = 900,   /* descriptors in queues */
    FDSTORE_ITEMS = 4000, /* of which each name takes 23 bytes; FileDescriptorStoreMax= of the unit is more */
    FDSTORE_SPARE = 8     /* further items, for those that must not be missed */
};

/* Embedded by whoever keeps it; zeroed: there is none. */
struct fdstore_item {
    os_fd end;       /* valid while serial is not 0 */
    uint64_t serial; /* grows with time, over all keepers */
    size_t n_fds;    /* in its queue */
    void (*done)(void *context);
    void *context;
    bool unsent;
    bool leaves;                      /* it is about to be forgotten, so that another one takes its room */
    struct fdstore_item *prev, *next; /* in fdstore->unsent, while it is */
};

struct fdstore {
    struct loop_watch watch; /* its fd: connected to the manager */
    struct loop_timer timer; /* the manager is not waited for any longer */
    struct fdstore_item *unsent;
    struct fdstore_removal *removals; /* not sent yet */
    uint64_t issued;
    size_t n_items, n_fds;             /* of all queues */
    size_t leaving_items, leaving_fds; /* of those that leave */
    bool full;                         /* it was logged */
    bool is_there;
    bool waits; /* the timer is set, */
    bool late;  /* or was over */
};

/* An item in words that a keeper can use. The descriptors are the caller's. */
struct fdstore_found {
    const uint8_t *bytes;
    size_t length;
    os_fd fds[FDSTORE_FDS_MAX];
    size_t n_fds;
};

/* The manager is that of NOTIFY_SOCKET. 0, also if there is none (is_there), or a negative errno. */
int fdstore_init(struct fdstore *fdstore, struct loop *loop);
void fdstore_deinit(struct fdstore *fdstore); /* the manager keeps all */

/* Makes an item; needed: without it the others are of no use. 0: done(context) is called, in the loop or at once; or a negative errno, and there is none. */
int fdstore_keep(struct fdstore *fdstore, struct fdstore_item *item, const uint8_t *bytes, size_t length,
                 const os_fd *fds, size_t n_fds, bool needed, void (*done)(void *context), void *context);

/* It will be forgotten as soon as others are made. */
static inline void fdstore_leave(struct fdstore *fdstore, struct fdstore_item *item) {
    if (!item->serial || item->leaves)
        return;
    item->leaves = true;
    fdstore->leaving_items++;
    fdstore->leaving_fds += item->n_fds;
}

/* Ends an item; one of which was not told yet that it is done is done. The descriptors that were in its queue are the caller's, to be closed; their number. */
size_t fdstore_forget(struct fdstore *fdstore, struct fdstore_item *item, os_fd fds[FDSTORE_FDS_MAX]);

/* What the manager has given back under that serial: the item takes `end`. `found` has what is in its queue, its bytes in `room`. 0, or a negative errno: it is
 * unsound, and is ended. */
int fdstore_load(struct fdstore *fdstore, struct fdstore_item *item, os_fd end, uint64_t serial,
                 uint8_t *room, size_t size, struct fdstore_found *found);

#endif
