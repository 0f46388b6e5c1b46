/* socket_win.c: socket.h for named pipes, which carry nothing but their messages. How much a client has not read is not told: the pipe's quota
 * is also used up by a read that waits at its other end. */
#include "socket.h"

#include <windows.h>

void socket_ask_plainly(os_fd connection) { (void)connection; }

void socket_close_stray(const struct cmsghdr *item) { (void)item; }

bool socket_send_may_be_told(void) { return true; }

bool socket_full_refuses(void) { return false; }

/* A listener is an event, for which the call fails otherwise. */
bool socket_is_shut(os_fd listener) {
    return !PeekNamedPipe(listener, NULL, 0, NULL, NULL, NULL) && GetLastError() == ERROR_BROKEN_PIPE;
}

int socket_unread(os_fd connection) {
    (void)connection;
    return -1;
}

int socket_message_least(void) { return 1; }

const char *socket_takes_none(const char **hint) {
    *hint = "run it without an administrator's rights, or with a broker that has them, too";
    return "the broker may not put handles into the client, which has more rights";
}
