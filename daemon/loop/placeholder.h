/* placeholder.h: closing what a number stands for without giving the number back, so that it means nothing else until it is dropped.
 *
 * Two steps, for closing may wait, and is done by a worker, while the loop decides when a number is free. */
#ifndef PLACEHOLDER_H
#define PLACEHOLDER_H

#include "proto/os.h"

struct placeholder {
    os_fd fd;
};

/* 0 or a negative errno. */
int placeholder_open(struct placeholder *placeholder);
void placeholder_close(struct placeholder *placeholder); /* one of OS_FD_NONE is allowed */

/* Closes what fd stands for. May wait, until it is interrupted: then it is closed all the same, and what it waited for goes on. Touches
 * nothing afterwards. */
void placeholder_put(const struct placeholder *placeholder, os_fd fd);

/* Gives the number back. Waits for nobody. */
void placeholder_drop(os_fd fd);

#endif
