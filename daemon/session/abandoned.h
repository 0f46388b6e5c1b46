/* abandoned.h: connections that nobody has any more though nobody has closed them.
 *
 * A connection ends when the last process closes its end of it. But a descriptor can be sent, and lies in the receiving socket's queue until
 * it is taken out: if the broker keeps that socket and everybody else has gone, the broker itself keeps the connection. The kernel does
 * not tell who has a descriptor. It tells whether the process that connected has ended, and whether anything lies in a queue that this
 * process keeps. A connection whose process has ended may have been passed on to one that lives; so without such a queue it is not
 * taken for abandoned, however quiet it is. */
#ifndef ABANDONED_H
#define ABANDONED_H

#include <stdbool.h>

struct sessions;

/* Whether that is so of all connections there are: their processes have ended, no session has an owner or a time of its own to live for,
 * and something that is kept here has descriptors inside. */
bool sessions_abandoned(const struct sessions *sessions);

/* Something that this process has open has other descriptors inside. False where the system does not tell. */
bool abandoned_inside(void);

#endif
