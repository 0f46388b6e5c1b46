/* socket_bsd.c: socket.h for the BSDs and macOS, where only SCM_RIGHTS brings descriptors, and accepted sockets have no other control message
 * enabled. */
#include "socket.h"

#include "calls.h"

#include <stddef.h>

void socket_ask_plainly(os_fd connection) { calls_quiet(connection); }

/* macOS and NetBSD look at the flag for receives alone. */
bool socket_send_may_be_told(void) { return false; }

bool socket_full_refuses(void) { return true; }

void socket_close_stray(const struct cmsghdr *item) { (void)item; }

bool socket_is_shut(os_fd listener) {
    (void)listener;
    return false;
}

int socket_unread(os_fd connection) {
    (void)connection;
    return -1;
}

int socket_message_least(void) { return 1; }

const char *socket_takes_none(const char **hint) {
    *hint = NULL;
    return "the client's socket takes no descriptors";
}
