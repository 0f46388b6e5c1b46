/* calls_unix.c: calls.h for Linux and the BSDs. */
#define _GNU_SOURCE

#include "calls.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

const int calls_send_flags = MSG_NOSIGNAL, calls_recv_flags = MSG_CMSG_CLOEXEC;

int calls_pipe(int ends[2], bool waits) { return pipe2(ends, O_CLOEXEC | (waits ? 0 : O_NONBLOCK)); }

int calls_socket(int type, bool waits) {
    return socket(AF_UNIX, type | SOCK_CLOEXEC | (waits ? 0 : SOCK_NONBLOCK), 0);
}

int calls_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK); }

void calls_quiet(int socket) { (void)socket; }

void calls_received(int fd) { (void)fd; }
