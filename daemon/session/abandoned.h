/* abandoned.h: connections that no process holds any more, though they are not closed.
 *
 * A connection ends when the last process closes its end. But that end can itself be sent as a descriptor, and lies in the queue
 * of the receiving socket until it is received. If the broker holds that socket and all other holders have exited, the broker
 * itself keeps the connection open. The kernel does not say which process holds a descriptor. It does say whether the process
 * that connected has exited, and whether there are descriptors in a queue that this process holds. A process that has exited may
 * have passed its connection to one that lives; so without such a queue no connection counts as abandoned, however idle it is. */
#ifndef ABANDONED_H
#define ABANDONED_H

#include <stdbool.h>

struct sessions;

/* Whether all connections are abandoned: their processes have exited, no session has an owner or a time to live, and a descriptor
 * held here has descriptors in its queue. May take long: it reads /proc for each open descriptor. False and *unfinished: it could not ask for all processes yet, and
 * the next call goes on. */
bool sessions_abandoned(const struct sessions *sessions, bool *unfinished);

/* Whether a descriptor that this process has open holds other descriptors. False where the system cannot say. */
bool abandoned_inside(void);

#endif
