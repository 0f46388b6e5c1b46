/* peer.h: who is at the other end of a connection, as the kernel says. */
#ifndef PEER_H
#define PEER_H

#include "os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PEER_GROUPS_MAX = 64, PEER_LABEL_MAX = 128, PEER_UID_NOBODY = 65534 };

struct peer {
    os_uid uid;
    uint32_t gid;
    uint32_t pid;    /* for logs: it may be somebody else's by now */
    size_t n_groups; /* supplementary groups, the first PEER_GROUPS_MAX */
    uint32_t groups[PEER_GROUPS_MAX];
    char label[PEER_LABEL_MAX]; /* security label, "" where there is none */
};

/* Those of the process that connected. 0 or a negative errno. */
int peer_of(os_fd connection, struct peer *peer);

/* The same without supplementary groups and label, which cost more. */
int peer_user(os_fd connection, struct peer *peer);

/* All its supplementary groups, however many: *groups is for free(), NULL for none. 0 or a negative errno. */
int peer_all_groups(os_fd connection, uint32_t **groups, size_t *n);

/* A descriptor that tells when that process has ended, close-on-exec. 0 or a negative errno: the system has none. */
int peer_process(os_fd connection, os_fd *process);

/* Whether the process that connected has certainly ended. A number that has been given again looks alive. */
bool peer_has_ended(os_fd connection, const struct peer *peer);

/* This process's own user. */
os_uid peer_self(void);

#endif
