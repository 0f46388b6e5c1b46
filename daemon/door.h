/* door.h: where clients come in: the listener that the broker was handed over, or the one that it makes and takes away again. */
#ifndef DOOR_H
#define DOOR_H

#include "proto/address.h"
#include "proto/os.h"
#include "proto/transport.h"

#include <stdbool.h>

struct options;

struct door {
    os_fd listener;
    bool own; /* we made it: nobody else accepts from it */
    char address[ADDRESS_MAX];
    struct transport_file file;
};

/* 0, or a negative errno, logged why: -EADDRINUSE when a broker is there. */
int door_open(struct door *door, const struct options *options);

/* For a broker that nobody needs. True: the door is closed, and nobody stands before it. False: somebody does, or it cannot be closed now;
 * everything is as before. */
bool door_leave(struct door *door);

/* Takes the address away, if it is still ours, and turns away who comes. The listener is left to the kernel: who has not been accepted may
 * have sent descriptors whose closing waits, but not for a process that ends. */
void door_close(struct door *door);

#endif
