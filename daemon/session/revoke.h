/* revoke.h: what becomes of objects that were made by a hold of another uid, when the rules change.
 *
 * A copy of a hold notes by which group each right was given last (hold.h), for a session can have objects after the connection that made them has gone.
 * After a reload the objects are looked at in steps, in turns of their uid: those whose right is gone end with the cause revoked. */
#ifndef REVOKE_H
#define REVOKE_H

#include "daemon/access/right.h"

struct call;
struct descriptor;
struct hold;
struct session;
struct sessions;

/* The caller has that right to the hold, by which an object is made of the session's copy. */
void revoke_note(struct call *call, const struct hold *hold, struct descriptor *copy, enum right right);

/* Other rules are in use. */
void revoke_all(struct sessions *sessions);

#endif
