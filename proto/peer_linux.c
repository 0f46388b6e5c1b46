/* peer_linux.c: peer.h from the options of a Unix socket. All of them tell what was true when the other end
 * connected, whoever holds that end now. Groups and label are extras that a kernel may lack; the identity
 * itself is not. */
#define _GNU_SOURCE

#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are read into the peer as they come");

/* More groups than fit: the kernel has told how much room they need in *size. */
static int peer_many_groups(int fd, struct peer *peer, socklen_t size) {
    gid_t *all = malloc(size);

    if (!all)
        return -ENOMEM;
    int r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, all, &size) < 0 ? -errno : 0;
    if (r == 0) {
        size_t n = size / sizeof(gid_t);
        peer->n_groups = n < PEER_GROUPS_MAX ? n : PEER_GROUPS_MAX;
        memcpy(peer->groups, all, peer->n_groups * sizeof(gid_t));
    }
    free(all);
    return r;
}

static int peer_groups(int fd, struct peer *peer) {
    socklen_t size = sizeof(peer->groups);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &size) == 0) {
        peer->n_groups = size / sizeof(gid_t);
        return 0;
    }
    if (errno == ERANGE)
        return peer_many_groups(fd, peer, size);
    return errno == ENOPROTOOPT || errno == ENODATA ? 0 : -errno;
}

/* A label that does not fit is left out as a whole: half a label could be somebody else's. */
static void peer_label(int fd, struct peer *peer) {
    socklen_t size = sizeof(peer->label) - 1;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, peer->label, &size) < 0)
        size = 0;
    peer->label[size] = '\0';
}

int peer_of(os_fd connection, struct peer *peer) {
    struct ucred credentials;
    socklen_t size = sizeof(credentials);

    memset(peer, 0, sizeof(*peer));
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return -errno;
    /* A socket that never was connected answers as well: with nobody. */
    if (credentials.uid == (uid_t)-1)
        return -ENOTCONN;
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    peer->pid = (uint32_t)credentials.pid;
    int r = peer_groups(connection, peer);
    if (r < 0)
        return r;
    peer_label(connection, peer);
    return 0;
}

uint32_t peer_self(void) { return geteuid(); }
