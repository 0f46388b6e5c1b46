/* door.h: the listener: inherited, or made here and removed on exit. */
#ifndef DOOR_H
#define DOOR_H

#include "proto/address.h"
#include "proto/os.h"
#include "proto/transport.h"

#include <stdbool.h>
#include <stddef.h>

struct config;
struct service_stored;

struct door {
    os_fd listener;
    bool own; /* made here: no other process accepts from it */
    char address[ADDRESS_MAX];
    struct transport_file file;
    struct service_stored
        *stored; /* what the service manager has given back (service.h), until somebody takes it */
    size_t n_stored;
};

/* 0, or a negative errno, which has been logged. -EADDRINUSE: another program listens there. */
int door_open(struct door *door, const struct config *config);

/* The door of a keeper, which keeps the socket file. 0 or a negative errno, which has been logged. */
int door_inherit(struct door *door, os_fd listener);

/* Closes the listener if no client is waiting. 0, or a negative errno, and nothing has changed: -EAGAIN if a client is waiting, another if the socket
 * file cannot be taken away. */
int door_leave(struct door *door);

/* Logs why it cannot listen there. error: negative. */
void door_complain(const char *address, int error);

/* Nobody takes what the service manager has given back. */
void door_discard_stored(struct door *door);

/* Removes the socket file if it is still this broker's, and refuses further connections. The listener itself stays open until the
 * process exits: clients in its queue may have sent descriptors whose close blocks, but the kernel does not make an exiting
 * process wait for that. */
void door_close(struct door *door);

#endif
