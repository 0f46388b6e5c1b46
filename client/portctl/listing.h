/* listing.h: tables of what is in a session, or of the sessions, for the verbs list and session. */
#ifndef LISTING_H
#define LISTING_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* Lists the objects of that kind (PORTD_KIND_SESSION: the sessions of this user). Returns the exit code. */
int listing_run(const struct invocation *in, int kind);

/* `current`: the id of the session that portctl is in. */
void listing_append(struct node *nodes, const portd_list *list, portd_id current);

#endif
