/* pile.h: what one uid has thrown away, until a worker takes it to be closed, with much else of the pile (daemon/loop/closer.h).
 *
 * Only the closer looks into it. */
#ifndef PILE_H
#define PILE_H

#include "ring.h"

struct pile {
    struct ring records;
    bool busy; /* many are being closed together */
};

static inline void pile_init(struct pile *pile) {
    ring_init(&pile->records);
    pile->busy = false;
}

#endif
