/* credentials.h: the identity of a connection's peer, from the kernel, for what workers do in its name. */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "proto/os.h"

struct identity;
struct peer;
struct refusal;
struct users;

/* With one reference. More groups than a peer has room for are charged to its uid. NULL without memory. */
struct identity *credentials_new(struct users *users, os_fd connection, const struct peer *peer);

/* Sees to it that identity->process is there, if the system has such a thing. Takes a slot and is charged to the uid as a descriptor,
 * until the identity goes. 0, or -1 and the refusal. */
int credentials_prove(struct identity *identity, os_fd connection, struct refusal *refusal);

#endif
