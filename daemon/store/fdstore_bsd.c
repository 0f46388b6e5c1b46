/* fdstore_bsd.c: no service manager here has such a store. */
#include "fdstore.h"

#include <errno.h>

int fdstore_init(struct fdstore *fdstore, struct loop *loop) {
    (void)loop;
    *fdstore = (struct fdstore){.watch = {.fd = OS_FD_NONE}};
    return 0;
}

void fdstore_deinit(struct fdstore *fdstore) { (void)fdstore; }

int fdstore_keep(struct fdstore *fdstore, struct fdstore_item *item, const uint8_t *bytes, size_t length,
                 const os_fd *fds, size_t n_fds, bool needed, void (*done)(void *context), void *context) {
    (void)fdstore, (void)item, (void)bytes, (void)length, (void)fds, (void)n_fds, (void)needed, (void)done;
    (void)context;
    return -EOPNOTSUPP;
}

size_t fdstore_forget(struct fdstore *fdstore, struct fdstore_item *item, os_fd fds[FDSTORE_FDS_MAX]) {
    (void)fdstore, (void)item, (void)fds;
    return 0;
}

int fdstore_load(struct fdstore *fdstore, struct fdstore_item *item, os_fd end, uint64_t serial,
                 uint8_t *room, size_t size, struct fdstore_found *found) {
    (void)fdstore, (void)item, (void)serial, (void)room, (void)size;
    *found = (struct fdstore_found){0};
    os_close(end);
    return -EOPNOTSUPP;
}
