/* kept_entry.h: an entry, and an order. For kept_entries.c, entry_room.c and loading.c. */
#ifndef KEPT_ENTRY_H
#define KEPT_ENTRY_H

#include "fdstore.h"
#include "proto/os.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEPT_PACKED_MAX = STORE_RECORD_MAX + 64 };

struct kept_entry {
    uint64_t key;
    os_uid user;
    struct kept_entry *prev, *next; /* entries->list, or the order's */
    size_t n_fds, length;
    os_fd fds[STORE_FDS_MAX];
    struct fdstore_item item;
    bool leaves; /* counted by `frees` */
    uint8_t record[];
};

struct kept_order {
    struct kept_entries *entries;
    uint64_t serial, broker;
    struct kept_entry *keep;
    size_t n_forget;
    uint64_t *forget;
    size_t closing; /* descriptors that are being closed, and 1 while it is carried out */
};

/* Closes what the entry has, for the order, which may have been its last. */
void kept_entry_drop(struct kept_order *order, struct kept_entry *entry);

/* Whether there is room for what the order brings; more: not all of it has come. 0 or -EMFILE. Nothing is closed before the last part. */
int kept_order_check(const struct kept_order *order, bool more);

/* One of order->closing is closed; the context is the order. */
void kept_order_closed(void *context);

#endif
