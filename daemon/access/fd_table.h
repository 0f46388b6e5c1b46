/* fd_table.h: the process's table of descriptors, counted.
 *
 * Discarding a received descriptor closes it, and the kernel discards when the table has no room: inside recvmsg, where nobody
 * chose to wait. So the broker never reads a connection with fewer free slots than one message can bring (FD_TABLE_RECEIVE), and refuses to
 * keep what would leave fewer than that and a margin for descriptors on their way to be closed (FD_TABLE_KEEP). While the margin
 * is in use (not fd_table_roomy), those who use it are not read and nobody is accepted, so that it lasts for the others. What is refused is
 * closed; so remove, close and the end of a session always get through.
 *
 * What was thrown away lies in the margin as far as it fits there (FD_TABLE_WASTE): so it takes nothing of what others may keep, however small the
 * table is. More of it is let in only while it leaves room for keeping (fd_table_may_waste).
 *
 * Everything that takes a slot is counted here by whoever opens or receives it, until it is really closed. */
#ifndef FD_TABLE_H
#define FD_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    FD_TABLE_RECEIVE = 253,
    FD_TABLE_KEEP = 3 * FD_TABLE_RECEIVE,
    FD_TABLE_WASTE = FD_TABLE_KEEP - FD_TABLE_RECEIVE
};

struct fd_table {
    size_t limit;
    size_t used;
    size_t wasted; /* of them, thrown away and not closed yet */
};

/* limit: the process's limit of descriptors; used: what is open before counting begins. */
void fd_table_init(struct fd_table *fd_table, size_t limit, size_t used);

/* What came in or was opened, and what was closed. */
void fd_table_take(struct fd_table *fd_table, size_t n);
void fd_table_give(struct fd_table *fd_table, size_t n);

/* So many of those that are taken are thrown away; and are closed now. */
void fd_table_waste(struct fd_table *fd_table, size_t n);
void fd_table_give_wasted(struct fd_table *fd_table, size_t n);

/* Whether n more that may have to be thrown away can come. */
bool fd_table_may_waste(const struct fd_table *fd_table, size_t n);

/* Whether a message may be received now. */
bool fd_table_may_receive(const struct fd_table *fd_table);

/* Whether that would still be so after another message had brought all that it can. */
bool fd_table_roomy(const struct fd_table *fd_table);

/* Whether n of the descriptors may stay for long: those that are counted already (received) or will be (n more). */
bool fd_table_may_keep(const struct fd_table *fd_table, size_t n_more);

size_t fd_table_free(const struct fd_table *fd_table); /* for keeping */

#endif
