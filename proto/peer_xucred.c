/* peer_xucred.c: peer.h for FreeBSD and macOS: user and groups as they were when the other end connected, and the process that did. */
#include "peer.h"
#include "peer_pid.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sys/socket.h>
#include <sys/ucred.h>
#include <sys/un.h>

enum { LEVEL = 0 }; /* of the options of local sockets */

/* The first group is the effective one. */
static int credentials_of(os_fd connection, struct xucred *found) {
    socklen_t size = sizeof(*found);

    if (getsockopt(connection, LEVEL, LOCAL_PEERCRED, found, &size) < 0)
        return -errno;
    if (found->cr_version != XUCRED_VERSION)
        return -ENOTSUP;
    return found->cr_ngroups < 1 ||
                   (size_t)found->cr_ngroups > sizeof(found->cr_groups) / sizeof(*found->cr_groups)
               ? -ENOTCONN
               : 0;
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
    peer->pid = peer_pid(connection, &found);
    for (size_t i = 0; i < supplementary(&found) && i < PEER_GROUPS_MAX; i++)
        peer->groups[peer->n_groups++] = found.cr_groups[i + 1];
    return 0;
}

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
