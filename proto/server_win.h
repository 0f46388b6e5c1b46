/* server_win.h: what listen_win.c needs of transport_win.c. */
#ifndef SERVER_WIN_H
#define SERVER_WIN_H

#include "transport.h"

/* Makes the connection of an instance to which a client has connected. Takes the pipe. 0, or a negative errno: it is still the caller's. */
int server_begin(os_fd pipe, struct transport *transport);

#endif
