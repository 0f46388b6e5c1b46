/* bell.h: how a thread wakes another one that sleeps in poll(2) or in an engine.
 *
 * Rung once or often, it is readable until silenced. Both may be done by any thread, and neither waits. */
#ifndef BELL_H
#define BELL_H

#include "proto/os.h"

enum { BELL_FDS = 2 };

struct bell {
    os_fd readable;
    os_fd rope;
};

/* 0 or a negative errno. */
int bell_open(struct bell *bell);
void bell_close(struct bell *bell); /* once or never opened: a bell of OS_FD_NONE is allowed */

/* Until it is rung, for timeout_ms at most (below 0: for ever), or until a signal comes. */
void bell_wait(const struct bell *bell, int timeout_ms);

void bell_ring(const struct bell *bell);
void bell_silence(const struct bell *bell);

#endif
