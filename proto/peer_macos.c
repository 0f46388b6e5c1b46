/* peer_macos.c: peer.h for macOS: user and groups as they were when the other end connected, and the process that did. No descriptor
 * follows a process, so a number that has been given again is taken for it. */
#include "peer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/ucred.h>
#include <sys/un.h>
#include <unistd.h>

/* The first group is the effective one. */
static int credentials_of(os_fd connection, struct xucred *found) {
    socklen_t size = sizeof(*found);

    if (getsockopt(connection, SOL_LOCAL, LOCAL_PEERCRED, found, &size) < 0)
        return -errno;
    if (found->cr_version != XUCRED_VERSION)
        return -ENOTSUP;
    return found->cr_ngroups < 1 || found->cr_ngroups > NGROUPS ? -ENOTCONN : 0;
}

static uint32_t pid_of(os_fd connection) {
    pid_t pid = 0;
    socklen_t size = sizeof(pid);

    return getsockopt(connection, SOL_LOCAL, LOCAL_PEERPID, &pid, &size) < 0 || pid < 0 ? 0 : (uint32_t)pid;
}

static size_t supplementary(const struct xucred *found) { return (size_t)found->cr_ngroups - 1; }

int peer_of(os_fd connection, struct peer *peer) {
    struct xucred found;
    int error = credentials_of(connection, &found);

    memset(peer, 0, sizeof(*peer));
    if (error)
        return error;
    peer->uid = found.cr_uid;
    peer->gid = found.cr_groups[0];
    peer->pid = pid_of(connection);
    for (size_t i = 0; i < supplementary(&found) && i < PEER_GROUPS_MAX; i++)
        peer->groups[peer->n_groups++] = found.cr_groups[i + 1];
    return 0;
}

int peer_user(os_fd connection, struct peer *peer) { return peer_of(connection, peer); }

int peer_all_groups(os_fd connection, uint32_t **groups, size_t *n) {
    struct xucred found;
    int error = credentials_of(connection, &found);

    *groups = NULL;
    *n = 0;
    if (error || supplementary(&found) == 0)
        return error;
    *groups = malloc(supplementary(&found) * sizeof(**groups));
    if (!*groups)
        return -ENOMEM;
    for (; *n < supplementary(&found); ++*n)
        (*groups)[*n] = found.cr_groups[*n + 1];
    return 0;
}

int peer_process(os_fd connection, os_fd *process) {
    (void)connection;
    *process = OS_FD_NONE;
    return -ENOSYS;
}

bool peer_has_ended(os_fd connection, const struct peer *peer) {
    (void)connection;
    return peer->pid && kill((pid_t)peer->pid, 0) < 0 && errno == ESRCH;
}

os_uid peer_self(void) { return geteuid(); }
