/* discard.h: closes what was received or accepted and is not kept, on behalf of the uid that it came from.
 *
 * Closing may wait for somebody (closer.h), so it is charged: it counts among the uid's descriptors on their way to be closed (gate.h) until it is
 * really closed. */
#ifndef DISCARD_H
#define DISCARD_H

#include "proto/os.h"

struct closer;
struct user;

/* The descriptor has a taken slot. The user stays referred to until it is closed. */
void discard_close(struct closer *closer, struct user *user, os_fd fd);

#endif
