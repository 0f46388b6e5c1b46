/* policy.c: fixed rights, without a configuration. */
#include "policy.h"

void policy_init(struct policy *policy, os_uid own, bool own_only) {
    policy->own = own;
    policy->own_only = own_only;
}

static bool is_admin(const struct policy *policy, const struct peer *peer) {
    return peer->uid == 0 || peer->uid == policy->own;
}

const char *policy_check_connect(const struct policy *policy, const struct peer *peer) {
    /* In a user namespace all unmapped peers appear with this uid. */
    if (peer->uid == PEER_UID_NOBODY)
        return "uid 65534 is not a valid identity";
    if (policy->own_only && !is_admin(policy, peer))
        return "only the broker's own user and root may connect; portd --mode 0666 lets everybody in";
    return NULL;
}

bool policy_allows(const struct policy *policy, const struct peer *peer, enum policy_right right) {
    return right != POLICY_NONE && is_admin(policy, peer);
}
