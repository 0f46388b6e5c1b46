/* winsock_win.h: sockets among the handles of an os_fd. */
#ifndef WINSOCK_WIN_H
#define WINSOCK_WIN_H

#include "os.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether a handle is a socket, known to Winsock or not: 1 or 0, or a negative errno if that cannot be told now. It does not wait for what other
 * holders do with the handle: the question is put to the socket driver and not to the handle's file, whose lock a holder of a synchronous one can
 * keep. */
int winsock_is(os_fd fd);

/* Whether the socket driver answers with that status because the system lacks something for the call. */
bool winsock_lacks(int32_t status);

/* Another descriptor of the same socket, which Winsock knows in this process; not inherited. 0 and *copy, or a negative errno. */
int winsock_copy(os_fd fd, os_fd *copy);

/* What another process needs to open the socket: WSAPROTOCOL_INFOW. */
enum { WINSOCK_PASSED = 628 };
struct winsock_passed {
    _Alignas(8) uint8_t bytes[WINSOCK_PASSED];
};

/* For the process with that id, which must open it, or keeps it open unknowingly. 0 or a negative errno. */
int winsock_pass(os_fd fd, uint32_t pid, struct winsock_passed *passed);

/* Opens it; not inherited. Only what a trusted process has made: it contains a handle value of this process, of any socket. */
int winsock_open(const struct winsock_passed *passed, os_fd *fd);

/* Closes a descriptor unless winsock_is is 0. */
void winsock_close(os_fd fd);

#endif
