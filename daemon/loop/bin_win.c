/* bin_win.c: bin.h where nothing keeps a socket open once its handles are closed: every descriptor is closed by itself. */
#include "bin.h"

#include <errno.h>

bool bin_takes(os_fd fd) {
    (void)fd;
    return false;
}

int bin_open(struct bin *bin) {
    *bin = (struct bin){OS_FD_NONE, OS_FD_NONE};
    return -EOPNOTSUPP;
}

bool bin_put(struct bin *bin, const os_fd *fds, size_t n) {
    (void)bin;
    (void)fds;
    (void)n;
    return false;
}

void bin_close(struct bin *bin) { (void)bin; }
