/* discard_queue.h: the discarded descriptors of one uid, until a worker closes them in batches (daemon/loop/closer.h).
 *
 * Only the closer accesses the members. */
#ifndef DISCARD_QUEUE_H
#define DISCARD_QUEUE_H

#include "ring.h"

struct discard_queue {
    struct ring records;
    bool busy; /* a worker closes a batch of it */
};

static inline void discard_queue_init(struct discard_queue *discard_queue) {
    ring_init(&discard_queue->records);
    discard_queue->busy = false;
}

#endif
