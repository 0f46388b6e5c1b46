/* monitor.h: requests that are answered when something has happened: a long poll on a journal.
 *
 * A parked one remembers how far it has looked; nothing is kept for it. Noting only writes into the journals; at the end of the turn those
 * who wait look at what is new (monitor_tell), and at no other time: whoever notes may be in the middle of anything. What a client leaves
 * unread stays in the journal, as long as that lasts, and is counted as lost then. */
#ifndef MONITOR_H
#define MONITOR_H

#include <stdbool.h>

struct sessions;

/* Answers those that have something to tell. True if there was one. */
bool monitor_tell(struct sessions *sessions);

#endif
