/* evt.h: an event: multi-use, level: ready while its descriptor is, and for ever once removed or replaced. Racket's
 * unsafe-fd->evt. It costs the engine nothing while nobody waits. */
#ifndef EVT_H
#define EVT_H

#include <stdbool.h>

struct binding;
struct thread_watch_try;
struct waitable;
struct refusal;

enum { EVT_E_CYCLE = 1 };

/* The registered one for that direction, or a new one. tried: where pending_create_is_needed says so. 0; EVT_E_CYCLE: none; -1: the
 * refusal. */
int evt_open(struct binding *binding, int direction, const struct thread_watch_try *tried,
             struct waitable **evt, bool *created, struct refusal *refusal);

#endif
