/* subscribers.h: the subscribers of a descriptor: its semaphores, and the waits and transfers in its queues. */
#ifndef SUBSCRIBERS_H
#define SUBSCRIBERS_H

#include "object.h"

struct binding;
struct descriptor;

/* Hooks; see hooks.h. */
void subscribers_need(const struct descriptor *descriptor, unsigned needs[2]);
void subscribers_ready(struct descriptor *descriptor, int direction, int cause);
void subscribers_dropped(struct descriptor *descriptor);
void subscribers_replaced(struct binding *binding);

/* Ends the binding's waitables of one kind, or of two, in both directions, and its pending creates of them;
 * then updates its descriptor. */
void subscribers_end(struct binding *binding, enum object_kind kind, enum object_kind other, int cause);

/* Ends only those of one kind whose ids are among the first `n` that were issued (registry_number), and no pending create. */
void subscribers_end_first(struct binding *binding, enum object_kind kind, uint64_t n, int cause);

#endif
