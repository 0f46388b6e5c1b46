/* batch.h: many requests in few writes, for cases about quantity. Each has a unique id; the replies are read and ignored. A batch
 * is large: make it static. Everything here asserts. */
#ifndef BATCH_H
#define BATCH_H

#include "guest.h"

enum { BATCH_BYTES = 1 << 16 };

struct batch {
    const struct raw *raw;
    size_t size;
    uint8_t bytes[BATCH_BYTES];
};

void batch_begin(struct batch *batch, const struct raw *raw);

/* Sends what is there if the request has no room behind it. */
void batch_add(struct batch *batch, raw_request *request);

/* limit_us: below 0 for none. */
void batch_add_wait(struct batch *batch, uint64_t *ids, size_t n, bool all, int64_t limit_us);

/* A read of one byte. */
void batch_add_read(struct batch *batch, uint64_t port);

void batch_send(struct batch *batch);

/* So many replies come. */
void batch_take_replies(struct raw *raw, size_t n);

#endif
