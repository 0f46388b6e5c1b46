/* fdstore.h: the service manager's file descriptor store (FDSTORE=1 of sd_notify(3)), which keeps what the keeper keeps, so that it outlives the
 * keeper as well.
 *
 * There each item is one descriptor, named portd- and 16 hexadecimal digits, its serial: the reading end of a pair of sockets, in whose queue the item and
 * its descriptors are. So an item is there whole or not at all, and the manager, which keeps one descriptor of each open file, keeps two items of the same
 * file. The keeper has that end too: what is forgotten it takes out of the queue, and so it is closed whenever the manager closes its end. The next
 * keeper looks at what is in the queue and leaves it there.
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

enum { FDSTORE_FDS_MAX = 2 };

/* Embedded by whoever keeps it; zeroed: there is none. */
struct fdstore_item {
    os_fd end;       /* valid while serial is not 0 */
    uint64_t serial; /* grows with time, over all keepers */
    void (*done)(void *context);
    void *context;
    bool unsent;
    struct fdstore_item *prev, *next; /* in fdstore->unsent, while it is */
};

struct fdstore {
    struct loop_watch watch; /* its fd: connected to the manager */
    struct loop_timer timer; /* the manager is not waited for any longer */
    struct fdstore_item *unsent;
    struct fdstore_removal *removals; /* not sent yet */
    uint64_t issued;
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

/* Makes an item. 0: done(context) is called, in the loop or at once; or a negative errno, and there is none. */
int fdstore_keep(struct fdstore *fdstore, struct fdstore_item *item, const uint8_t *bytes, size_t length,
                 const os_fd *fds, size_t n_fds, void (*done)(void *context), void *context);

/* Ends an item; one of which was not told yet that it is done is done. The descriptors that were in its queue are the caller's, to be closed; their number. */
size_t fdstore_forget(struct fdstore *fdstore, struct fdstore_item *item, os_fd fds[FDSTORE_FDS_MAX]);

/* What the manager has given back under that serial: the item takes `end`. `found` has what is in its queue, its bytes in `room`. 0, or a negative errno: it is
 * unsound, and is ended. */
int fdstore_load(struct fdstore *fdstore, struct fdstore_item *item, os_fd end, uint64_t serial,
                 uint8_t *room, size_t size, struct fdstore_found *found);

#endif
