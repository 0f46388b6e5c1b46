/* evt.h: an event: level-triggered and reusable. It is ready while its descriptor is, and forever once removed
 * or replaced. It corresponds to Racket's unsafe-fd->evt. It costs the engine nothing while nobody waits. */
#ifndef EVT_H
#define EVT_H

#include <stdbool.h>

struct binding;
struct thread_watch_try;
struct waitable;
struct refusal;

enum { EVT_E_CYCLE = 1, EVT_E_TAKES = 2, EVT_E_SILENT = 3 };

/* Finds the registered event of that direction, or makes one (*created). tried: the poller thread's answer, if
 * pending_create_is_needed, else NULL. Returns 0, EVT_E_* (the descriptor can have no event), or -1 with
 * the refusal. */
int evt_open(struct binding *binding, int direction, const struct thread_watch_try *tried,
             struct waitable **evt, bool *created, struct refusal *refusal);

#endif
