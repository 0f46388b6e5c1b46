/* credentials.c: makes and charges an identity.
 *
 * It may outlive its connection, since a worker may have taken it on: so its charge is given back when it is freed. */
#include "credentials.h"

#include "daemon/access/kept.h"
#include "daemon/access/quota.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/identity.h"
#include "proto/peer.h"

#include <stdlib.h>

static size_t charge_of(size_t n_groups) { return n_groups > PEER_GROUPS_MAX ? identity_size(n_groups) : 0; }

static void give_back(struct identity *identity) {
    struct users *users = identity->context;
    struct user *user = user_ref(users, identity->uid); /* it exists, so this cannot fail */
    user_give(user, USER_BYTES, charge_of(identity->n_groups));
    if (identity->process != OS_FD_NONE)
        kept_give(user, NULL, 1);
    user_unref(user);
    user_unref(user); /* the identity's own */
}

/* NULL: out of memory, or over the uid's limit of bytes. */
static struct identity *charged(struct users *users, const struct peer *peer, const uint32_t *groups,
                                size_t n) {
    struct refusal refusal;
    struct user *user = user_ref(users, peer->uid);
    struct identity *identity;
    if (!user)
        return NULL;
    if (user_take(user, USER_BYTES, charge_of(n), &refusal)) {
        user_unref(user);
        return NULL;
    }
    identity = identity_new(peer->uid, peer->gid, peer->pid, groups, n);
    if (identity) {
        identity->gone = give_back;
        identity->context = users;
        return identity;
    }
    user_give(user, USER_BYTES, charge_of(n));
    user_unref(user);
    return NULL;
}

struct identity *credentials_new(struct users *users, os_fd connection, const struct peer *peer) {
    struct identity *identity;
    uint32_t *groups;
    size_t n;
    if (peer->n_groups < PEER_GROUPS_MAX)
        return charged(users, peer, peer->groups, peer->n_groups);
    if (peer_all_groups(connection, &groups, &n))
        return NULL;
    identity = charged(users, peer, groups, n);
    free(groups);
    return identity;
}

int credentials_prove(struct identity *identity, os_fd connection, struct refusal *refusal) {
    struct users *users = identity->context;
    struct user *user;
    int result;
    if (identity->process != OS_FD_NONE || !identity->pid || !identity_names_processes())
        return 0;
    user = user_ref(users, identity->uid); /* it exists, so this cannot fail */
    result = kept_take(user, NULL, 1, refusal);
    if (!result && peer_process(connection, &identity->process))
        kept_give(user, NULL, 1);
    user_unref(user);
    return result;
}
