/* peer_linux.c: peer.h from options of a Unix socket. All of them describe the process that connected, at that time, whichever process holds
 * the other end now. Every kernel has user, group and pid; groups and label may be missing. */
#define _GNU_SOURCE

#include "peer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are read into the peer as they come");

int peer_all_groups(os_fd connection, uint32_t **groups, size_t *n) {
    gid_t few;
    socklen_t size = 0; /* the kernel then returns the size they need, and copies none */

    *groups = NULL;
    *n = 0;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, &few, &size) == 0 || errno == ENOPROTOOPT ||
        errno == ENODATA)
        return 0;
    if (errno != ERANGE)
        return -errno;
    if (size > PEER_GROUPS_MOST * sizeof(gid_t))
        return PEER_E_MANY_GROUPS;
    *groups = malloc(size);
    if (!*groups)
        return -ENOMEM;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERGROUPS, *groups, &size) < 0) {
        int error = errno;
        free(*groups);
        *groups = NULL;
        return -error;
    }
    *n = size / sizeof(gid_t);
    return 0;
}

static int peer_groups(int fd, struct peer *peer) {
    socklen_t size = sizeof(peer->groups);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &size) == 0) {
        peer->n_groups = size / sizeof(gid_t);
        return 0;
    }
    peer->more_groups = errno == ERANGE;
    return errno == ERANGE || errno == ENOPROTOOPT || errno == ENODATA ? 0 : -errno;
}

/* Omits a label that does not fit: a truncated label could be another subject's. */
static void peer_label(int fd, struct peer *peer) {
    socklen_t size = sizeof(peer->label) - 1;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, peer->label, &size) < 0)
        size = 0;
    peer->label[size] = '\0';
}

int peer_user(os_fd connection, struct peer *peer) {
    struct ucred credentials;
    socklen_t size = sizeof(credentials);

    memset(peer, 0, sizeof(*peer));
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return -errno;
    /* For a socket that was never connected the uid is -1. */
    if (credentials.uid == (uid_t)-1)
        return -ENOTCONN;
    peer->uid = credentials.uid;
    peer->gid = credentials.gid;
    peer->pid = (uint32_t)credentials.pid;
    return 0;
}

int peer_of(os_fd connection, struct peer *peer) {
    int r = peer_user(connection, peer);
    if (r == 0)
        r = peer_groups(connection, peer);
    if (r < 0)
        return r;
    peer_label(connection, peer);
    return 0;
}

int peer_process(os_fd connection, os_fd *process) {
    enum { PEER_PIDFD = 77 /* SO_PEERPIDFD, Linux 6.5 */ };
    socklen_t size = sizeof(*process);

    *process = OS_FD_NONE;
    return getsockopt(connection, SOL_SOCKET, PEER_PIDFD, process, &size) < 0 ? -errno : 0;
}

/* No pidfd is needed if nobody has that pid. */
bool peer_has_ended(os_fd connection, const struct peer *peer, os_fd *process) {
    *process = OS_FD_NONE;
    if (peer->pid && kill((pid_t)peer->pid, 0) < 0 && errno == ESRCH)
        return true;
    int error = peer_process(connection, process);

    if (error)
        return error == -ESRCH;
    struct pollfd end = {.fd = *process, .events = POLLIN};
    return poll(&end, 1, 0) > 0;
}

os_uid peer_self(void) { return geteuid(); }
