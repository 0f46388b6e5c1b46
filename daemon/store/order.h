/* order.h: what store.h says of orders, as frames. For store_unix.c. */
#ifndef STORE_ORDER_H
#define STORE_ORDER_H

#include "proto/frame.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct closer;
struct fd_table;

/* A part of an order. Packed messages that follow one another are one message, so entries are appended as they come. */
struct store_frame {
    struct store_frame *next;
    os_uid user;               /* whose descriptors they are */
    struct closer *closer;     /* of the descriptors, which are copies; NULL: they are borrowed */
    struct fd_table *fd_table; /* in which the copies are counted */
    size_t n_fds, length, room;
    size_t counted; /* for the store: bytes that it counts */
    os_fd fds[FRAME_FDS_MAX];
    uint8_t *bytes;
};

void frame_free(struct store_frame *frame);

/* Ends each frame with the serial number. 0; or -ENOMEM, and it can be added to and sealed again. */
int order_seal(struct store_order *order);

/* Makes copies of the descriptors of all frames. 0; -EMFILE: there is no room for them; or another negative errno. */
int order_copy_fds(struct store_order *order, struct closer *closer, struct fd_table *fd_table);

/* Calls fn for each entry that the bytes of a frame keep, with its descriptors of `fds`, of which the caller closes none. 0; -ENOMEM; or -EPROTO: then those from *taken on are the caller's. */
int order_read(const uint8_t *bytes, size_t length, const os_fd *fds, size_t n_fds, size_t *taken,
               void (*fn)(void *context, struct store_entry *entry), void *context);

size_t order_count_fds(const struct store_order *order);

#endif
