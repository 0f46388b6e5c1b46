/* placeholder.h: closes an open file while its number stays in use.
 *
 * In two steps: closing may block, so a worker does it; the loop then decides when the number becomes free. */
#ifndef PLACEHOLDER_H
#define PLACEHOLDER_H

#include "proto/os.h"

struct placeholder {
    os_fd fd;
};

/* 0 or a negative errno. */
int placeholder_open(struct placeholder *placeholder);
void placeholder_close(struct placeholder *placeholder); /* OS_FD_NONE is allowed */

/* Replaces fd's open file by the placeholder's, which closes it. May block until interrupted: it is closed nevertheless, and the kernel
 * goes on lingering. Touches no memory afterwards. */
void placeholder_put(const struct placeholder *placeholder, os_fd fd);

/* Frees the number. Does not block. */
void placeholder_drop(os_fd fd);

#endif
