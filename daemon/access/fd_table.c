/* fd_table.c: counts the slots of the fd table. */
#include "fd_table.h"

#include <assert.h>

void fd_table_init(struct fd_table *fd_table, size_t limit, size_t used) {
    fd_table->limit = limit;
    fd_table->used = used;
    fd_table->wasted = 0;
}

void fd_table_take(struct fd_table *fd_table, size_t n) { fd_table->used += n; }

void fd_table_give(struct fd_table *fd_table, size_t n) {
    assert(fd_table->used >= n);
    fd_table->used -= n;
}

void fd_table_waste(struct fd_table *fd_table, size_t n) { fd_table->wasted += n; }

void fd_table_give_wasted(struct fd_table *fd_table, size_t n) {
    assert(fd_table->wasted >= n);
    fd_table->wasted -= n;
    fd_table_give(fd_table, n);
}

bool fd_table_may_waste(const struct fd_table *fd_table, size_t n) {
    return fd_table->wasted + n <= FD_TABLE_WASTE ||
           fd_table->used + n + FD_TABLE_KEEP <= fd_table->limit + FD_TABLE_RECEIVE;
}

bool fd_table_may_receive(const struct fd_table *fd_table) {
    return fd_table->used + FD_TABLE_RECEIVE <= fd_table->limit;
}

bool fd_table_roomy(const struct fd_table *fd_table) {
    return fd_table->used + 2 * FD_TABLE_RECEIVE <= fd_table->limit;
}

/* Used slots, without discarded descriptors that fit into the margin. */
static size_t slots_kept(const struct fd_table *fd_table) {
    return fd_table->used - (fd_table->wasted < FD_TABLE_WASTE ? fd_table->wasted : FD_TABLE_WASTE);
}

bool fd_table_may_keep(const struct fd_table *fd_table, size_t n_more) {
    return slots_kept(fd_table) + n_more + FD_TABLE_KEEP <= fd_table->limit;
}

size_t fd_table_free(const struct fd_table *fd_table) {
    size_t busy = slots_kept(fd_table) + FD_TABLE_KEEP;
    return busy < fd_table->limit ? fd_table->limit - busy : 0;
}
