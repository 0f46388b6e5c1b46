/* peer.h: the credentials of a connection's peer, from the kernel. */
#ifndef PEER_H
#define PEER_H

#include "os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PEER_GROUPS_MAX = 64,
    PEER_GROUPS_MOST = 1024, /* of peer_all_groups: a process can have 65536, and every use of them costs */
    PEER_LABEL_MAX = 128,
    PEER_UID_NOBODY = 65534
};

struct peer {
    os_uid uid;
    uint32_t gid;
    uint32_t pid;    /* for logs: it may be reused by now */
    size_t n_groups; /* supplementary groups */
    bool
        more_groups; /* more than PEER_GROUPS_MAX: then n_groups is 0, and a right that a group gives is not given */
    uint32_t groups[PEER_GROUPS_MAX];
    char label[PEER_LABEL_MAX]; /* security label; "": none */
};

/* The credentials of the process that connected, when it connected. 0 or a negative errno. */
int peer_of(os_fd connection, struct peer *peer);

/* The same without supplementary groups and label, which cost more. */
int peer_user(os_fd connection, struct peer *peer);

/* All its supplementary groups. The caller frees *groups (NULL: none). 0, a negative errno, or PEER_E_MANY_GROUPS: it has more than
 * PEER_GROUPS_MOST, and *groups is NULL; that costs no more than if it had none. */
enum { PEER_E_MANY_GROUPS = 1 };
int peer_all_groups(os_fd connection, uint32_t **groups, size_t *n);

/* A pidfd of that process, close-on-exec; the caller closes it. 0, or a negative errno: the system has none. */
int peer_process(os_fd connection, os_fd *process);

/* Whether the process that connected has certainly ended. Without pidfds a reused pid looks alive. *process: a pidfd that was opened for that, or OS_FD_NONE;
 * the caller closes it. */
bool peer_has_ended(os_fd connection, const struct peer *peer, os_fd *process);

/* The user of this process. */
os_uid peer_self(void);

#endif
