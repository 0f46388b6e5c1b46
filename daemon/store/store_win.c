/* store_win.c: no broker has a keeper here. */
#include "keeper.h"
#include "store.h"

#include "daemon/base/log.h"

#include <errno.h>
#include <stdlib.h>

struct store {
    char none;
};

struct store *store_new(struct loop *loop, struct closer *closer, struct fd_table *fd_table, os_fd channel) {
    (void)loop;
    (void)closer;
    (void)fd_table;
    (void)channel;
    return calloc(1, sizeof(struct store));
}

void store_free(struct store *store) { free(store); }

void store_leave(struct store *store) { (void)store; }

bool store_is_full(const struct store *store) {
    (void)store;
    return false;
}

bool store_is_kept(const struct store *store) {
    (void)store;
    return false;
}

int store_read(struct store *store, void (*fn)(void *context, struct store_entry *entry), void *context) {
    (void)store;
    (void)fn;
    (void)context;
    return -ENOTSUP;
}

int store_keep(struct store_order *order, const struct store_entry *entry) {
    (void)order;
    (void)entry;
    return 0;
}

int store_forget(struct store_order *order, uint64_t key) {
    (void)order;
    (void)key;
    return 0;
}

void store_cancel(struct store_order *order) { (void)order; }

int store_commit(struct store *store, struct store_order *order) {
    (void)store;
    (void)order;
    return 1;
}

struct store_order *store_open(struct store *store) {
    (void)store;
    return NULL;
}

void store_tell(struct store *store, struct store_order *order) { (void)store, (void)order; }

void store_ready(struct store *store) { (void)store; }

void store_reloading(struct store *store, bool begins) { (void)store, (void)begins; }

void store_inherit(struct store_inherited *inherited) {
    *inherited = (struct store_inherited){OS_FD_NONE, OS_FD_NONE, OS_FD_NONE};
}

int keeper_run(char **argv, struct door *door, os_fd notify_fd) {
    (void)argv;
    (void)door;
    (void)notify_fd;
    log_write(LOG_LEVEL_ERROR, "cannot start: a keeper is not supported on Windows; leave \"keeper\" out");
    return EXIT_FAILURE;
}
