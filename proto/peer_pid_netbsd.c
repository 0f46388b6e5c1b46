/* peer_pid_netbsd.c: NetBSD tells the process by the option of local sockets on which getpeereid is made. */
#include "peer_pid.h"

#include <sys/types.h>

#include <sys/socket.h>
#include <sys/un.h>

enum { LEVEL = 0 }; /* of the options of local sockets */

uint32_t peer_pid(os_fd connection, const struct xucred *found) {
    struct unpcbid peer;
    socklen_t size = sizeof(peer);

    (void)found;
    return getsockopt(connection, LEVEL, LOCAL_PEEREID, &peer, &size) < 0 || peer.unp_pid < 0
               ? 0
               : (uint32_t)peer.unp_pid;
}
