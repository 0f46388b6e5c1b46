/* line.h: both ends of a connection, in this process. A call that fails ends the case. */
#ifndef LINE_H
#define LINE_H

#include "proto/transport.h"

#include <stdbool.h>
#include <stddef.h>

enum { LINE_MS = 10000 /* that a case waits for something */ };

/* A place to listen at. */
struct line_place {
    char folder[32]; /* on Unix */
    char address[64];
    struct transport_file file;
};

/* Listens at an address that no other test has. */
os_fd line_listen(struct line_place *place);

/* Ends that: the listener too, unless it is OS_FD_NONE. */
void line_unlisten(struct line_place *place, os_fd listener);

/* Waits for a client, and accepts it. */
struct transport line_accept(os_fd listener);

/* A connection: closed by transport_close. */
void line_open(struct transport *server, struct transport *client);

/* Whether a listener, or a connection (transport_pollable), is ready for reading at once; within LINE_MS. */
bool line_is_ready(os_fd pollable);
void line_await(os_fd pollable);

#endif
