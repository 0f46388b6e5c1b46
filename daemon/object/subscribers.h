/* subscribers.h: who refers to a descriptor, seen from it: its semaphores, and whoever waits for one of its directions. */
#ifndef SUBSCRIBERS_H
#define SUBSCRIBERS_H

#include "object.h"

struct binding;
struct descriptor;

/* See hooks.h. */
void subscribers_need(const struct descriptor *descriptor, unsigned needs[2]);
void subscribers_ready(struct descriptor *descriptor, int direction, int cause);
void subscribers_dropped(struct descriptor *descriptor);
void subscribers_replaced(struct binding *binding);

/* Ends both directions of one kind, or of two, that are registered under this binding; then updates its copy. */
void subscribers_end(struct binding *binding, enum object_kind kind, enum object_kind other, int cause);

#endif
