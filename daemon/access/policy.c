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

const char *policy_hold_right_name(enum hold_right right) {
    static const char *const names[HOLD_RIGHTS] = {"list", "watch", "read", "write", "get", "put", "drop"};
    return names[right];
}

bool policy_allows_hold(const struct policy *policy, const struct peer *peer, os_uid owner, const char *name,
                        enum hold_right right) {
    (void)policy, (void)name, (void)right;
    return peer->uid == owner;
}
