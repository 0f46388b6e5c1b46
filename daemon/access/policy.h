/* policy.h: who may connect, and who may do what concerns everybody.
 *
 * Decisions are made on what the kernel says of the peer, never on a message. The file mode of the socket is the first gate; this is the
 * second, and the only one where the socket has a name and no file. */
#ifndef POLICY_H
#define POLICY_H

#include "proto/peer.h"

#include <stdbool.h>

struct policy {
    os_uid own;    /* the broker's uid */
    bool own_only; /* who else may connect? nobody but root */
};

void policy_init(struct policy *policy, os_uid own, bool own_only);

/* NULL, or why this peer is turned away. */
const char *policy_check_connect(const struct policy *policy, const struct peer *peer);

/* What concerns other uids: sight of what they have and do, ending their sessions. What the broker does as a whole is no secret. */
enum policy_right { POLICY_NONE, POLICY_SEE, POLICY_END };

/* Whether the peer has that right. Root and the broker's own uid have them all (the right admin), nobody has POLICY_NONE. */
bool policy_allows(const struct policy *policy, const struct peer *peer, enum policy_right right);

#endif
