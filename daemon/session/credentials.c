/* credentials.c: makes and charges an identity.
 *
 * It may outlive its connection, since a worker may have taken it on: so its charge is given back when it is freed. */
#include "credentials.h"

#include "daemon/access/charge.h"
#include "daemon/access/kept.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/identity.h"
#include "daemon/object/discard.h"
#include "proto/peer.h"

#include <stdlib.h>

struct credentials {
    struct closer *closer;
    struct charge groups; /* those beyond what a peer has room for */
    struct kept process;
};

static void credentials_free(struct credentials *credentials) {
    charge_deinit(&credentials->groups);
    kept_release(&credentials->process);
    free(credentials);
}

static void on_gone(struct identity *identity) {
    struct credentials *credentials = identity->context;
    if (identity->process != OS_FD_NONE) {
        kept_hand_on(&credentials->process);
        discard_close(credentials->closer, credentials->groups.user, identity->process);
    }
    credentials_free(credentials);
}

static struct identity *charged(struct closer *closer, struct user *user, const struct peer *peer,
                                const uint32_t *groups, size_t n, struct refusal *refusal) {
    struct credentials *credentials = calloc(1, sizeof *credentials);
    struct identity *identity;
    if (!credentials) {
        refusal_memory(refusal);
        return NULL;
    }
    credentials->closer = closer;
    charge_init(&credentials->groups, user, NULL);
    if (n > PEER_GROUPS_MAX && charge_take(&credentials->groups, USER_BYTES, identity_size(n), refusal)) {
        credentials_free(credentials);
        return NULL;
    }
    identity = identity_new(peer->uid, peer->gid, peer->pid, groups, n);
    if (!identity) {
        refusal_memory(refusal);
        credentials_free(credentials);
        return NULL;
    }
    identity->gone = on_gone;
    identity->context = credentials;
    return identity;
}

struct identity *credentials_new(struct closer *closer, struct user *user, os_fd connection,
                                 const struct peer *peer, struct refusal *refusal) {
    struct identity *identity;
    uint32_t *groups;
    size_t n;
    if (!peer->more_groups)
        return charged(closer, user, peer, peer->groups, peer->n_groups, refusal);
    int error = peer_all_groups(connection, &groups, &n);
    if (error < 0) {
        refusal_system(refusal, -error, "cannot determine the peer's groups");
        return NULL;
    }
    identity = charged(closer, user, peer, groups, n, refusal);
    free(groups);
    if (identity)
        identity->lacks_groups = error == PEER_E_MANY_GROUPS;
    return identity;
}

int credentials_prove(struct identity *identity, os_fd connection, struct refusal *refusal) {
    struct credentials *credentials = identity->context;
    if (identity->process != OS_FD_NONE || !identity->pid || !identity_names_processes())
        return 0;
    if (kept_take(&credentials->process, credentials->groups.user, NULL, 1, refusal))
        return -1;
    if (peer_process(connection, &identity->process))
        kept_release(&credentials->process);
    return 0;
}
