/* discard.h: closes descriptors that were received or accepted and are not kept, on behalf of the uid they came from.
 *
 * A close may block (closer.h), so a worker does it. Until it returns, it counts among the uid's descriptors being closed
 * (gate.h). */
#ifndef DISCARD_H
#define DISCARD_H

#include "proto/os.h"

struct closer;
struct user;

/* Takes the descriptor and its slot. Keeps a reference to the user until it is closed. */
void discard_close(struct closer *closer, struct user *user, os_fd fd);

#endif
