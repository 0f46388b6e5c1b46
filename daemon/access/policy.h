/* policy.h: who may connect, and who may see and end other uids' sessions; and the rules (rule.h) that grant more.
 *
 * Decisions use the kernel's credentials of the peer, never a message. The file mode of the socket is the first check, this is the second,
 * and the only one for an abstract socket. */
#ifndef POLICY_H
#define POLICY_H

#include "proto/peer.h"

#include <stdbool.h>

struct rule_table;

struct policy {
    os_uid own;               /* the broker's uid */
    bool own_only;            /* only this uid and root may connect */
    struct rule_table *rules; /* a reference; NULL: none */
};

void policy_init(struct policy *policy, os_uid own, bool own_only);
void policy_deinit(struct policy *policy); /* zeros are allowed */

/* NULL, or why the peer is turned away: a static text. */
const char *policy_check_connect(const struct policy *policy, const struct peer *peer);

/* Rights over other uids: to see what they have and do, to end their sessions. Sums over all uids are part of the
 * first. And one over the broker: to have its configuration read again. */
enum policy_right { POLICY_NONE, POLICY_SEE, POLICY_END, POLICY_RELOAD };

/* Whether the uid has all of these without any rule (the right admin): root and the broker's own. */
bool policy_is_admin(const struct policy *policy, os_uid uid);

/* The rules of the configuration from now on: takes the reference. NULL: there are none. */
void policy_use(struct policy *policy, struct rule_table *rules);

#endif
