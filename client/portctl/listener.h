/* listener.h: a listening socket that portctl makes: "127.0.0.1:80", "[::1]:80", "unix:PATH". */
#ifndef LISTENER_H
#define LISTENER_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* 0 if the text is an address to listen at. Returns 0, or the exit code of an error that has been printed, as all of these. */
int listener_check(const struct invocation *in, const char *address);

/* Makes the socket, which is close-on-exec, and blocks. */
int listener_open(const struct invocation *in, const char *address, portd_native *listener);

/* Removes what listener_open has made in the file system. */
void listener_forget(const char *address);

#endif
