/* fd_table.h: counts the used slots of the process's fd table.
 *
 * If the table is full, the kernel closes received descriptors inside recvmsg, where closing could block the loop. So the broker never reads
 * a connection with fewer free slots than one message can bring (FD_TABLE_RECEIVE), and refuses to keep a descriptor if that would leave
 * fewer than these and a margin for descriptors that wait to be closed (FD_TABLE_KEEP in all). The margin takes what one message can bring, whatever its sender is, and one more that keeps to the protocol. While the margin is in use (not
 * fd_table_roomy), uids that use it are not read and no connection is accepted, so that it lasts for the others. A refused descriptor is
 * closed, so remove, close and the end of a session always succeed.
 *
 * Discarded descriptors occupy the margin as far as they fit (FD_TABLE_WASTE), so they do not reduce the slots for keeping, however small the
 * table is. More of them are received only while slots for keeping are free (fd_table_may_waste).
 *
 * The code that opens or receives a descriptor counts it here, until it is closed. */
#ifndef FD_TABLE_H
#define FD_TABLE_H

#include "passed.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    FD_TABLE_USUAL = 253, /* what a message brings at most that keeps to the protocol, and one more */
    FD_TABLE_RECEIVE = PASSED_MOST,
    FD_TABLE_WASTE =
        FD_TABLE_RECEIVE + (FD_TABLE_RECEIVE < FD_TABLE_USUAL ? FD_TABLE_RECEIVE : FD_TABLE_USUAL),
    FD_TABLE_KEEP = FD_TABLE_WASTE + FD_TABLE_RECEIVE
};

struct fd_table {
    size_t limit;
    size_t used;
    size_t wasted; /* of the used ones: discarded and not closed yet */
};

/* limit: the process's limit of open descriptors; used: how many are open now. */
void fd_table_init(struct fd_table *fd_table, size_t limit, size_t used);

/* n descriptors were received or opened; n were closed. */
void fd_table_take(struct fd_table *fd_table, size_t n);
void fd_table_give(struct fd_table *fd_table, size_t n);

/* n of the taken descriptors were discarded; n of the discarded ones were closed. */
void fd_table_waste(struct fd_table *fd_table, size_t n);
void fd_table_give_wasted(struct fd_table *fd_table, size_t n);

/* Whether n more descriptors may be received that may have to be discarded. */
bool fd_table_may_waste(const struct fd_table *fd_table, size_t n);

/* Whether a message may be received now. */
bool fd_table_may_receive(const struct fd_table *fd_table);

/* Whether another message could be received after one with as many descriptors as possible. */
bool fd_table_roomy(const struct fd_table *fd_table);

/* Whether the received descriptors may be kept; n_more: those among them that are not counted yet. */
bool fd_table_may_keep(const struct fd_table *fd_table, size_t n_more);

size_t fd_table_free(const struct fd_table *fd_table); /* slots free for keeping */

#endif
