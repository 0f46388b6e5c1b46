/* deadline.h: a descriptor that becomes readable when a time has come.
 *
 * A limit of a sleep that is shorter than the system's tick sets the processor's clock anew each time, which can cost as much as the
 * request; a deadline is set once. */
#ifndef DEADLINE_H
#define DEADLINE_H

#include "proto/os.h"

/* The caller closes it. 0 or a negative errno. */
int deadline_open(os_fd *fd);

/* Readable from `when` (os_now_us) on and not before; INT64_MAX: never. Setting it again moves it. It cannot fail. */
void deadline_set(os_fd fd, int64_t when);

#endif
