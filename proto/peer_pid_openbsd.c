/* peer_pid_openbsd.c: OpenBSD tells the process by the option on which getpeereid is made. */
#include "peer_pid.h"

#include <sys/types.h>

#include <sys/socket.h>

uint32_t peer_pid(os_fd connection, const struct xucred *found) {
    struct sockpeercred peer;
    socklen_t size = sizeof(peer);

    (void)found;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid < 0
               ? 0
               : (uint32_t)peer.pid;
}
