/* store.h: what must outlive the broker, given to its keeper (keeper.h).
 *
 * An order says what is to be kept and what is to be forgotten, and is carried out whole or not at all. It is done when the keeper has
 * it and has closed what it forgot; then, and not before, the client is answered. Orders are sent in the order of store_commit. The keeper may be slow
 * to read: orders wait meanwhile, and the loop does not.
 *
 * A broker without a keeper, or whose keeper has gone, has a store that keeps nothing: store_is_kept is false. One that cannot go on with a keeper that lives
 * ends: the next one has all that was acknowledged. */
#ifndef STORE_H
#define STORE_H

#include "daemon/base/ring.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct closer;
struct fd_table;
struct loop;
struct store;

enum { STORE_RECORD_MAX = 512, STORE_FDS_MAX = 5 /* of one entry */ };

/* Embedded in the record of whoever gives it; zeroed before store_keep or store_forget. */
struct store_order {
    /* Called in the loop, once; error: 0, or a negative errno, and nothing of it was done. The keeper's end counts as 0. */
    void (*done)(struct store_order *order, int error);
    struct ring node; /* private from here */
    uint64_t serial;
    bool open; /* of store_open: not sealed yet */
    struct store_frame *frames, *last;
};

/* One entry that is given back. The descriptors are the callee's. */
struct store_entry {
    uint64_t key;
    os_uid user; /* who is charged for it */
    const uint8_t *record;
    size_t length;
    os_fd fds[STORE_FDS_MAX];
    size_t n_fds;
    bool moved; /* it comes from a broker that lives, and not from the keeper */
};

/* channel: to the keeper, which the store owns then; OS_FD_NONE: there is none. Copies of descriptors that wait are counted in fd_table. NULL with errno. */
struct store *store_new(struct loop *loop, struct closer *closer, struct fd_table *fd_table, os_fd channel);

/* Nothing is kept from now on: all orders are done. For the end of the broker, before what gave the orders goes. */
void store_leave(struct store *store);
void store_free(struct store *store); /* before closer_stop; NULL is allowed */

bool store_is_kept(const struct store *store);

/* The keeper does not read, and so many descriptors or bytes wait already that no more should be kept. */
bool store_is_full(const struct store *store);

/* The keeper has answered all. */
bool store_is_idle(const struct store *store);

/* Asks the keeper for all that it keeps; before the loop runs, as it waits. 0 or a negative errno. */
int store_read(struct store *store, void (*fn)(void *context, struct store_entry *entry), void *context);

/* Adds to an order, which keeps first and then forgets: what it forgets it cannot keep anew. The descriptors are borrowed until store_commit returns. 0 or -ENOMEM: nothing was added. */
int store_keep(struct store_order *order, const struct store_entry *entry);
int store_forget(struct store_order *order, uint64_t key);

/* Makes an order that has the keeper start another broker, with that descriptor (store_inherit), which is borrowed as above. Nothing else may be in it. */
int store_start_next(struct store_order *order, os_fd link);

/* Takes back an order that was not committed. */
void store_cancel(struct store_order *order);

/* Sends it. 1: it is done already, as nothing is kept, or nothing was added; 0: `done` follows; or a negative errno, and it is as cancelled. */
int store_commit(struct store *store, struct store_order *order);

/* What nobody waits for: an order for store_keep (without descriptors) and store_forget, which store_tell sends or frees. While the keeper does not read, all
 * that is told goes into one order. Nothing else of the store may be called in between. NULL: no memory. */
struct store_order *store_open(struct store *store);
void store_tell(struct store *store, struct store_order *order);

/* The broker serves clients. */
void store_ready(struct store *store);

/* It reads its configuration again, and has done so: the keeper tells the service manager. */
void store_reloading(struct store *store, bool begins);

/* What a keeper has given to this process. */
struct store_inherited {
    os_fd channel,
        listener; /* its channel, and the listener; OS_FD_NONE: no keeper has started this process */
    os_fd link;   /* to the broker that this one is to take over from; OS_FD_NONE: there is none */
};
void store_inherit(struct store_inherited *inherited);

#endif
