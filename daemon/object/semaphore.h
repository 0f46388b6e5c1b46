/* semaphore.h: one-shot, edge: fires the first time that its descriptor is ready, hangs up, fails, is removed or replaced; for
 * ever. Racket's unsafe-file-descriptor->semaphore and unsafe-socket->semaphore. */
#ifndef SEMAPHORE_H
#define SEMAPHORE_H

#include <stdbool.h>

struct binding;
struct thread_watch_try;
struct waitable;
struct refusal;

enum { SEMAPHORE_E_UNSUPPORTED = 1, SEMAPHORE_E_CYCLE = 2 };

/* The registered one for that direction, or a new one; it may have fired when this answers (a level test comes first).
 * tried: where pending_create_is_needed says so; else the engine is asked here. 0; SEMAPHORE_E_*: none, this descriptor can have none; -1: the
 * refusal. *created: made by this call. */
int semaphore_open(struct binding *binding, int direction, const struct thread_watch_try *tried,
                   struct waitable **semaphore, bool *created, struct refusal *refusal);

#endif
