/* kind_win.h: how a handle can be watched, and what holds for it now. */
#ifndef KIND_WIN_H
#define KIND_WIN_H

#include "proto/os.h"

#include <stdbool.h>

enum kind {
    KIND_SOCKET, /* afd_win.h */
    KIND_PIPE,   /* overlapped: a read of no bytes completes when there are some, and takes none */
    KIND_LOOKED, /* a synchronous pipe: a read would keep its holders waiting, so it is looked at now and then */
    KIND_WAITABLE, /* it stays signalled, so that a wait takes nothing from anybody */
    KIND_UNKNOWN   /* none of these: it counts as always ready */
};

/* The enum kind, or a negative errno.
 *
 * Windows carries out the operations of a synchronous file one after the other, questions too: while somebody reads a synchronous pipe this waits for him, and
 * so does kind_look. (wine does not.) So both are for a poller thread, if the file is such a pipe. */
int kind_of(os_fd fd);

/* The same for what is no socket. */
int kind_of_other(os_fd fd);

/* The same for the broker's own: it knows what it has made, and waits for timers, whose type cannot be told. */
int kind_of_own(os_fd fd);

/* Of a KIND_PIPE: it is a server's end to which no client has come yet. It is not ready, and cannot be read. */
bool kind_is_listening(os_fd pipe);

/* ENGINE_READ to ENGINE_ERROR, of those of the interest and the hang-ups. Not for sockets. What cannot be watched is ready, also a pipe for writing: nothing tells
 * whether it has room. */
unsigned kind_look(os_fd fd, enum kind kind, unsigned interest);

#endif
