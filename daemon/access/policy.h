/* policy.h: who may connect, and who may do what concerns everybody.
 *
 * Decisions are made on what the kernel says of the peer, never on a message. The file mode of the socket is the first gate; this is the
 * second, and the only one where the socket has a name and no file. */
#ifndef POLICY_H
#define POLICY_H

#include "proto/peer.h"

#include <stdbool.h>

struct policy {
    uint32_t own;  /* the broker's uid */
    bool own_only; /* who else may connect? nobody but root */
};

void policy_init(struct policy *policy, uint32_t own, bool own_only);

/* NULL, or why this peer is turned away. */
const char *policy_check_connect(const struct policy *policy, const struct peer *peer);

/* Who may see what a uid has and does: the uid itself, and the right admin. What the broker does as a whole is no secret. */
bool policy_may_see(const struct policy *policy, const struct peer *peer, uint32_t uid);

/* The right admin: sight of other uids' sessions, ending them. Root and the broker's own uid have it. */
bool policy_is_admin(const struct policy *policy, const struct peer *peer);

#endif
