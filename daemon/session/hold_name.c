/* hold_name.c: checks of names, owners and rights. */
#include "hold_name.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/refusal.h"
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

int hold_name_owner(struct call *call, const char *text, os_uid *owner) {
    char *end;
    *owner = call->connection->peer.uid;
    if (!*text)
        return 0;
    errno = 0;
    *owner = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end && !errno)
        return 0;
    return refusal_set(&call->refusal, REFUSAL_INVALID, "owner", "give its uid, in decimal",
                       "\"%.100s\" is not a uid", text);
}

int hold_name_may(struct call *call, os_uid owner, const char *name, enum hold_right right) {
    const struct connection *connection = call->connection;
    if (policy_allows_hold(connection->all->policy, &connection->peer, owner, name, right))
        return 0;
    return refusal_set(&call->refusal, REFUSAL_DENIED, "owner",
                       "only the owner of a held descriptor has rights to it",
                       "uid %" PRIu64 " lacks the right %s to %s%.100s%s of uid %" PRIu64,
                       connection->peer.uid, policy_hold_right_name(right), name ? "\"" : "",
                       name ? name : "the held descriptors", name ? "\"" : "", owner);
}

int hold_name_refuse(struct call *call, const char *name) {
    return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "name", "holds shows the names",
                       "nothing is held as \"%.100s\"", name);
}

struct held *hold_name_find(struct call *call, const char *owner, const char *name, enum hold_right right) {
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
