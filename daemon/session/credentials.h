/* credentials.h: the identity of a connection's peer, from the kernel, for workers that act as the peer. */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "proto/os.h"

struct closer;
struct identity;
struct peer;
struct refusal;
struct user;

/* Returns one reference. More groups than PEER_GROUPS_MAX are charged to the user; more than PEER_GROUPS_MOST are left out
 * (identity_is_whole). NULL with the refusal. */
struct identity *credentials_new(struct closer *closer, struct user *user, os_fd connection,
                                 const struct peer *peer, struct refusal *refusal);

/* Opens identity->process (a pidfd of the peer) if the system supports it and it is not open yet. It takes a slot and is charged
 * to the uid as a descriptor until the identity is freed. 0, or -1 and the refusal. */
int credentials_prove(struct identity *identity, os_fd connection, struct refusal *refusal);

#endif
