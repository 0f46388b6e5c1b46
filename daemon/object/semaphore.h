/* semaphore.h: a semaphore: one-shot and edge-triggered. It fires forever the first time its descriptor is
 * ready, hangs up, fails, is removed or replaced. It corresponds to Racket's unsafe-file-descriptor->semaphore
 * and unsafe-socket->semaphore. */
#ifndef SEMAPHORE_H
#define SEMAPHORE_H

#include <stdbool.h>

struct binding;
struct thread_watch_try;
struct waitable;
struct refusal;

enum { SEMAPHORE_E_UNSUPPORTED = 1, SEMAPHORE_E_CYCLE = 2, SEMAPHORE_E_TAKES = 3, SEMAPHORE_E_SILENT = 4 };

/* Finds the registered semaphore of that direction, or makes one (*created). A new one has fired already if the
 * descriptor is ready now. tried: the poller thread's answer, if pending_create_is_needed; else NULL, and the
 * engine is asked here. Returns 0; SEMAPHORE_E_*: the descriptor can have none; or -1 with the refusal. */
int semaphore_open(struct binding *binding, int direction, const struct thread_watch_try *tried,
                   struct waitable **semaphore, bool *created, struct refusal *refusal);

#endif
