/* stand_in.h: closing what a number stands for without giving the number back, so that it means nothing else until it is dropped.
 *
 * Two steps, for closing may wait, and is done by a worker, while the loop decides when a number is free. */
#ifndef STAND_IN_H
#define STAND_IN_H

#include "proto/os.h"

struct stand_in {
    os_fd fd;
};

/* 0 or a negative errno. */
int stand_in_open(struct stand_in *stand_in);
void stand_in_close(struct stand_in *stand_in); /* one of OS_FD_NONE is allowed */

/* Closes what fd stands for. May wait, until it is interrupted: then it is closed all the same, and what it waited for goes on. Touches
 * nothing afterwards. */
void stand_in_put(const struct stand_in *stand_in, os_fd fd);

/* Gives the number back. Waits for nobody. */
void stand_in_drop(os_fd fd);

#endif
