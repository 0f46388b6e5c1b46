/* pipe_ends_win.h: both ends of a connection by named pipe, in this process. */
#ifndef PIPE_ENDS_WIN_H
#define PIPE_ENDS_WIN_H

#include "tests/support/test.h"

#include "proto/transport.h"

#include <windows.h>

enum { PIPE_ENDS_MS = 10000 };

/* An address that no other test has. */
static inline const char *pipe_ends_address(void) {
    static char address[64];
    static unsigned n;

    (void)snprintf(address, sizeof(address), "npipe:portd-test-%lu-%u", GetCurrentProcessId(), n++);
    return address;
}

static inline bool is_signalled(os_fd fd) { return WaitForSingleObject(fd, 0) == WAIT_OBJECT_0; }

static inline void await(os_fd fd) { assert_int_equal(WaitForSingleObject(fd, PIPE_ENDS_MS), WAIT_OBJECT_0); }

static inline struct transport pipe_ends_accept(os_fd listener) {
    struct transport server = transport_none();

    await(listener);
    assert_int_equal(transport_accept(listener, &server), 0);
    return server;
}

static inline void pipe_ends_open(struct transport *server, struct transport *client) {
    const char *address = pipe_ends_address();
    os_fd listener = OS_FD_NONE;

    assert_int_equal(transport_listen(address, 0600, &listener, NULL), 0);
    assert_int_equal(transport_connect(address, client), 0);
    *server = pipe_ends_accept(listener);
    transport_unlink(address, NULL);
    os_close(listener);
}

/* Sends all, as an owner does that polls: again with what is left, when it is told. */
static inline void send_all(struct transport transport, const char *bytes, size_t size) {
    while (size > 0) {
        ptrdiff_t n = transport_send(transport, bytes, size, NULL, 0);
        if (n == -EAGAIN) {
            await(transport_pollable(transport));
            continue;
        }
        assert_true(n > 0);
        bytes += n;
        size -= (size_t)n;
    }
}

#endif
