/* socket_bsd.c: socket.h for the BSDs and macOS, where only SCM_RIGHTS brings descriptors, and accepted sockets have no other control message
 * enabled. */
#include "socket.h"

void socket_ask_plainly(os_fd connection) { (void)connection; }

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
