/* peer_bsd.c: peer.h for NetBSD and OpenBSD, with getpeereid and the system's own call for the process. No call tells the supplementary
 * groups, so rights that need these are not granted here. */
#include "peer.h"
#include "peer_pid.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

int peer_of(os_fd connection, struct peer *peer) {
    uid_t uid;
    gid_t gid;

    memset(peer, 0, sizeof(*peer));
    if (getpeereid(connection, &uid, &gid) < 0)
        return -errno;
    peer->uid = uid;
    peer->gid = gid;
    peer->pid = peer_pid(connection, NULL);
    return 0;
}

int peer_all_groups(os_fd connection, uint32_t **groups, size_t *n) {
    (void)connection;
    *groups = NULL;
    *n = 0;
    return 0;
}
