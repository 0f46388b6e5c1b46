/* order.h: what store.h says of orders, as frames. For store_unix.c. */
#ifndef ORDER_H
#define ORDER_H

#include "proto/frame.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of an order. Packed messages that follow one another are one message, so entries are appended as they come. */
struct store_frame {
    struct store_frame *next;
    bool copied; /* the descriptors are copies */
    size_t n_fds, length, room;
    os_fd fds[FRAME_FDS_MAX];
    uint8_t *bytes;
};

void frame_free(struct store_frame *frame);

/* Ends each frame with the serial number. 0 or -ENOMEM. */
int order_seal(struct store_order *order);

/* Makes copies of the descriptors of all frames. 0 or a negative errno. */
int order_copy_fds(struct store_order *order);

size_t order_count_fds(const struct store_order *order);

#endif
