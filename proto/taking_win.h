/* taking_win.h: the descriptors of one message to the broker, on their way out of the client's process. */
#ifndef TAKING_WIN_H
#define TAKING_WIN_H

#include "os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct taking;

/* Takes n descriptors that a client (its process, with CALLER_GIVE; NULL: nothing can be taken) calls by these values. Sets the event when it is over,
 * unless it is so at once. NULL: no memory. */
struct taking *taking_begin(os_fd process, const uint64_t *values, size_t n, os_fd event);

bool taking_is_over(const struct taking *taking);

/* Hands out what was taken, and frees it. *truncated: some could not be taken. Returns how many there are. */
size_t taking_end(struct taking *taking, os_fd *fds, bool *truncated);

/* Closes what was or will be taken, elsewhere; NULL is allowed. */
void taking_leave(struct taking *taking);

#endif
