/* connection_rights.c: the snapshot of the rules that are for a connection's identity. */
#include "connection.h"
#include "daemon/access/policy.h"
#include "daemon/access/refusal.h"
#include "daemon/access/rule.h"
#include "daemon/access/user.h"
#include "session.h"

static uint64_t bytes_of(size_t n_rules) { return n_rules * sizeof(uint16_t); }

void connection_forget_rights(struct connection *connection) {
    if (connection->rights.n)
        user_give(connection->user, USER_BYTES, bytes_of(connection->rights.n));
    rights_deinit(&connection->rights);
}

/* Of the rules in use. NULL: the refusal. */
static const struct rights *renew(struct connection *connection, struct refusal *refusal) {
    struct rule_table *rules = connection->all->policy->rules;
    if (connection->rights.table == rules)
        return &connection->rights;
    connection_forget_rights(connection);
    if (!rules)
        return &connection->rights;
    turn_spend(connection->user->lane.turns, rules->n / RULES_A_UNIT);
    uint64_t bytes = bytes_of(rights_count(rules, &connection->peer));
    if (bytes && user_take(connection->user, USER_BYTES, bytes, refusal))
        return NULL;
    if (!rights_init(&connection->rights, rules, &connection->peer))
        return &connection->rights;
    if (bytes)
        user_give(connection->user, USER_BYTES, bytes);
    (void)refusal_memory(refusal);
    return NULL;
}

bool connection_is_admin(struct connection *connection) {
    const struct policy *policy = connection->all->policy;
    struct refusal refusal;
    if (policy_is_admin(policy, connection->peer.uid))
        return true;
    const struct rights *rights = policy->rules ? renew(connection, &refusal) : NULL;
    return rights && rights->admin;
}

bool connection_may(struct connection *connection, os_uid owner, const char *name, enum right right,
                    struct refusal *refusal) {
    size_t looks = 0;
    refusal_clear(refusal);
    if (connection->peer.uid == owner && right != RIGHT_ADMIN)
        return true;
    if (right == RIGHT_ADMIN)
        return connection_is_admin(connection);
    const struct rights *rights = renew(connection, refusal);
    bool may = rights && rights_find(rights, owner, name, right, &looks);
    turn_spend(connection->user->lane.turns, looks / RULE_LOOKS);
    return may;
}
