/* policy.c: what is fixed, and the rules in use. */
#include "policy.h"

#include "rule.h"

void policy_init(struct policy *policy, os_uid own, bool own_only) {
    policy->own = own;
    policy->own_only = own_only;
    policy->rules = NULL;
}

void policy_deinit(struct policy *policy) { policy_use(policy, NULL); }

bool policy_is_admin(const struct policy *policy, os_uid uid) { return uid == 0 || uid == policy->own; }

const char *policy_check_connect(const struct policy *policy, const struct peer *peer) {
    /* In a user namespace all unmapped peers appear with this uid. */
    if (peer->uid == PEER_UID_NOBODY)
        return "uid 65534 is not a valid identity";
    if (policy->own_only && !policy_is_admin(policy, peer->uid))
        return "only the broker's own user and root may connect; portd --mode 0666 lets everybody in";
    return NULL;
}

void policy_use(struct policy *policy, struct rule_table *rules) {
    rule_table_unref(policy->rules);
    policy->rules = rules;
}
