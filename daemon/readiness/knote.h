/* knote.h: what an event of a knote means. A kqueue has one knote for reading a descriptor and one for writing it; each tells its own end by
 * EV_EOF, which means different things for different descriptors. */
#ifndef KNOTE_H
#define KNOTE_H

#include "proto/os.h"

#include <stdbool.h>

struct kevent;

enum knote_type {
    KNOTE_SOCKET,
    KNOTE_PIPE, /* and a FIFO */
    KNOTE_FILE, /* on a disk: the broker counts it as always ready, and watches none */
    KNOTE_OTHER /* terminals and other devices */
};

/* The type of an open descriptor, or a negative errno. */
int knote_type(os_fd fd);

/* The events (ENGINE_READ to ENGINE_ERROR) that one event of a knote tells. The hang-up of a socket is the end of both its knotes, so
 * it is never told by one. */
unsigned knote_events(enum knote_type type, const struct kevent *event);

/* Whether kevent refused the change with this error number because the file cannot be watched. */
bool knote_is_unsupported(int error);

/* Whether it refused EVFILT_WRITE with this error number because the pipe's other end is closed. */
bool knote_is_dead_end(int error);

#endif
