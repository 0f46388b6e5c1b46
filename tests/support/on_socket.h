/* on_socket.h: transport.h for tests that use a connection's socket directly, as on Unix. */
#ifndef ON_SOCKET_H
#define ON_SOCKET_H

#include "proto/transport.h"
#include "receive.h"

static inline struct transport on_socket(os_fd fd) { return (struct transport){.end = fd}; }

static inline int on_socket_accept(os_fd listener, os_fd *fd) {
    struct transport transport;
    int r = transport_accept(listener, &transport);

    *fd = r == 0 ? transport.end : OS_FD_NONE;
    return r;
}

static inline int on_socket_connect(const char *address, os_fd *fd) {
    struct transport transport;
    int r = transport_connect(address, &transport);

    *fd = r == 0 ? transport.end : OS_FD_NONE;
    return r;
}

static inline ptrdiff_t on_socket_send(os_fd fd, const void *bytes, size_t size, const os_fd *fds,
                                       size_t n_fds) {
    return transport_send(on_socket(fd), bytes, size, fds, n_fds);
}

static inline ptrdiff_t on_socket_recv(os_fd fd, void *bytes, size_t size, os_fd *fds, size_t *n_fds,
                                       bool *truncated) {
    return receive_from(on_socket(fd), bytes, size, fds, n_fds, truncated);
}

#endif
