/* store_sending.h: the store's state, and what store_unix.c needs of store_send_unix.c. */
#ifndef STORE_SENDING_H
#define STORE_SENDING_H

#include "daemon/loop/loop.h"
#include "proto/channel.h"
#include "store.h"

struct store {
    struct loop *loop;
    struct closer *closer;
    struct fd_table *fd_table;
    struct loop_watch watch;
    struct channel_scratch scratch;
    struct channel channel;
    struct ring waiting;     /* orders that are not sent, or not whole */
    struct ring sent;        /* those that are not answered */
    struct loop_timer timer; /* what the kernel had no room for is tried again */
    bool later;              /* the timer is set: nothing is sent before */
    struct {
        bool ready, alive, reloading, reloaded;
    } word; /* what is no order, and is not said yet */
    uint64_t serial;
    size_t n_waiting, n_bytes; /* of `waiting`: descriptors, memory */
    os_uid user; /* of the last frame that was sent: the channel may have copies of its descriptors */
    bool kept;
};

/* Takes it out of its ring and calls `done`. */
void store_finish(struct store_order *order, int error);

/* The keeper has gone, or nothing can be sent to it: see store.h. */
void store_lose(struct store *store, int error);

/* Sends what waits, as far as the channel takes it. */
void store_go_on(struct store *store);

/* For store->timer. */
void store_on_retry(struct loop_timer *timer);

#endif
