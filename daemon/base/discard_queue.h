/* discard_queue.h: what one uid has thrown away, until a worker takes it to be closed, with much else of the discard queue (daemon/loop/closer.h).
 *
 * Only the closer looks into it. */
#ifndef DISCARD_QUEUE_H
#define DISCARD_QUEUE_H

#include "ring.h"

struct discard_queue {
    struct ring records;
    bool busy; /* many are being closed together */
};

static inline void discard_queue_init(struct discard_queue *discard_queue) {
    ring_init(&discard_queue->records);
    discard_queue->busy = false;
}

#endif
