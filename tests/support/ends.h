/* ends.h: both ends of a connection, in this process. A call that fails ends the case. */
#ifndef ENDS_H
#define ENDS_H

#include "proto/transport.h"

#include <stdbool.h>
#include <stddef.h>

enum { ENDS_MS = 10000 /* that a case waits for something */ };

/* A place to listen at. */
struct ends_place {
    char folder[32]; /* on Unix */
    char address[64];
    struct transport_file file;
};

/* Listens at an address that no other test has. */
os_fd ends_listen(struct ends_place *place);

/* Ends that: the listener too, unless it is OS_FD_NONE. */
void ends_unlisten(struct ends_place *place, os_fd listener);

/* Waits for a client, and accepts it. */
struct transport ends_accept(os_fd listener);

/* A connection: closed by transport_close. */
void ends_open(struct transport *server, struct transport *client);

/* Whether a listener, or a connection (transport_pollable), is ready for reading at once; within ENDS_MS. */
bool ends_is_ready(os_fd pollable);
void ends_await(os_fd pollable);

#endif
