/* hold_name.c: checks of names, owners and rights. */
#include "hold_name.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/policy.h"
#include "daemon/access/refusal.h"
#include "daemon/access/rule.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "daemon/object/hold.h"
#include "holding.h"
#include "session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int hold_name_check(const char *name, struct refusal *refusal) {
    size_t length = strlen(name);
    if (length >= 1 && length <= HOLD_NAME_MAX)
        return 0;
    return refusal_set(refusal, REFUSAL_INVALID, "name", NULL, "a name has 1 to %d bytes, not %zu",
                       (int)HOLD_NAME_MAX, length);
}

int hold_name_uid(struct call *call, const char *field, const char *text, os_uid *uid) {
    char *end;
    *uid = call->connection->peer.uid;
    if (!*text)
        return 0;
    errno = 0;
    *uid = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && !errno)
        return 0;
    return refusal_set(&call->refusal, REFUSAL_INVALID, field, "give its uid, in decimal",
                       "\"%.100s\" is not a uid", text);
}

/* The rule that grants it to others; NULL: none does. */
static const struct rule *rule_for_others(const struct connection *connection, os_uid owner, const char *name,
                                          enum right right) {
    const struct rule_table *rules = connection->all->policy->rules;
    size_t looks = rules ? rules->n / (RULES_A_UNIT / RULE_LOOKS) : 0;
    const struct rule *rule = rule_table_find(rules, owner, name, right, &looks);
    turn_spend(connection->user->lane.turns, looks / RULE_LOOKS);
    return rule;
}

int hold_name_may(struct call *call, os_uid owner, const char *name, enum right right) {
    struct connection *connection = call->connection;
    os_uid uid = connection->peer.uid;
    const char *quote = name ? "\"" : "";
    if (connection_may(connection, owner, name, right, &call->refusal))
        return 0;
    if (call->refusal.code)
        return -1;
    const struct rule *rule = rule_for_others(connection, owner, name, right);
    if (!name)
        name = "the held descriptors";
    if (rule)
        return refusal_set(
            &call->refusal, REFUSAL_DENIED, "owner",
            "an administrator can add this user, or a group of it, to that rule: portd.conf(5)",
            "uid %" PRIu64 " lacks the right %s to %s%.80s%s of uid %" PRIu64
            ": rule \"%s\" grants it to others",
            uid, right_name(right), quote, name, quote, owner, rule->name);
    return refusal_set(
        &call->refusal, REFUSAL_DENIED, "owner",
        "only its owner has it; an administrator can grant it to others by a rule: portd.conf(5)",
        "uid %" PRIu64 " lacks the right %s to %s%.80s%s of uid %" PRIu64 ": no rule grants it", uid,
        right_name(right), quote, name, quote, owner);
}

int hold_name_refuse(struct call *call, const char *name) {
    return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "name", "holds shows the names",
                       "nothing is held as \"%.100s\"", name);
}

struct held *hold_name_find(struct call *call, const char *owner, const char *name, enum right right) {
    struct held *held;
    os_uid uid;
    if (hold_name_check(name, &call->refusal) || hold_name_owner(call, owner, &uid) ||
        hold_name_may(call, uid, name, right))
        return NULL;
    held = held_find(call->connection->all, uid, name);
    if (!held)
        (void)hold_name_refuse(call, name);
    return held;
}
