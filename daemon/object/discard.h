/* discard.h: closes descriptors that were received, accepted or opened and are not kept, on behalf of a uid.
 *
 * A close may block or take long (closer.h), so a worker does it. Until it returns, it counts among the uid's descriptors being closed
 * (gate.h). */
#ifndef DISCARD_H
#define DISCARD_H

#include "proto/os.h"

struct closer;
struct fd_table;
struct user;

/* Takes the descriptor and its slot. Keeps a reference to the user until it is closed. */
void discard_close(struct closer *closer, struct user *user, os_fd fd);

/* The same for one that was opened in this call of the loop, and has no slot yet. Closes it at once if no thread can be started and nobody has locks on it:
 * else each hello would leave a descriptor open until there may be one. Does nothing for OS_FD_NONE. */
void discard_opened(struct closer *closer, struct user *user, os_fd fd);

/* For a descriptor of a uid that has no struct user, for lack of memory. */
void discard_close_nobodys(struct closer *closer, struct fd_table *fd_table, os_fd fd, os_uid uid);

#endif
