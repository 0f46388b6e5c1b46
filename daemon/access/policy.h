/* policy.h: who may connect, and who may see and end other uids' sessions.
 *
 * Decisions use the kernel's credentials of the peer, never a message. The file mode of the socket is the first check, this is the second,
 * and the only one for an abstract socket. */
#ifndef POLICY_H
#define POLICY_H

#include "proto/peer.h"

#include <stdbool.h>

struct policy {
    os_uid own;    /* the broker's uid */
    bool own_only; /* only this uid and root may connect */
};

void policy_init(struct policy *policy, os_uid own, bool own_only);

/* NULL, or why the peer is turned away: a static text. */
const char *policy_check_connect(const struct policy *policy, const struct peer *peer);

/* Rights over other uids: to see what they have and do, to end their sessions. Sums over all uids are part of the
 * first. And one over the broker: to have its configuration read again. */
enum policy_right { POLICY_NONE, POLICY_SEE, POLICY_END, POLICY_RELOAD };

/* Whether the peer has the right. Root and the broker's own uid have all rights (the right admin), no uid has POLICY_NONE. */
bool policy_allows(const struct policy *policy, const struct peer *peer, enum policy_right right);

/* Rights to what is held under a name (daemon/object/hold.h). */
enum hold_right { HOLD_LIST, HOLD_WATCH, HOLD_READ, HOLD_WRITE, HOLD_GET, HOLD_PUT, HOLD_DROP, HOLD_RIGHTS };

const char *policy_hold_right_name(enum hold_right right);

/* Whether the peer has that right to what is held for the owner under that name (NULL: under any name). */
bool policy_allows_hold(const struct policy *policy, const struct peer *peer, os_uid owner, const char *name,
                        enum hold_right right);

#endif
