/* receive.h: transport_recv into plain variables, for tests. fds has room for FRAME_FDS_ROOM; NULL: none are expected. */
#ifndef RECEIVE_H
#define RECEIVE_H

#include "proto/frame.h"
#include "proto/transport.h"

static inline void receive_close(void *context, os_fd fd) {
    (void)context;
    os_close(fd);
}

static inline ptrdiff_t receive_from(struct transport transport, void *bytes, size_t size, os_fd *fds,
                                     size_t *n_fds, bool *truncated) {
    struct transport_fds found = {.fds = fds, .room = FRAME_FDS_ROOM, .discard = receive_close};
    ptrdiff_t got = transport_recv(transport, bytes, size, fds ? &found : NULL, false);

    *n_fds = found.n;
    *truncated = found.truncated;
    return got;
}

#endif
