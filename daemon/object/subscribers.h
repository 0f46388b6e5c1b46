/* subscribers.h: who refers to a descriptor, seen from it: its semaphores, and whoever waits for one of its directions. */
#ifndef SUBSCRIBERS_H
#define SUBSCRIBERS_H

#include "indicator.h"

/* See hooks.h. */
void subscribers_need(const struct descriptor *descriptor, unsigned needs[2]);
void subscribers_ready(struct descriptor *descriptor, int direction, int cause);
void subscribers_replaced(struct descriptor *descriptor);
void subscribers_dropped(struct descriptor *descriptor);

/* Ends both directions of one kind, or of two, that are registered for this descriptor; then settles it. */
void subscribers_end(struct descriptor *descriptor, enum object_kind kind, enum object_kind other, int cause);

#endif
