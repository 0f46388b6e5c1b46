/* listing.h: tables of what is in a session, or of the sessions, for the verbs list and session. */
#ifndef LISTING_H
#define LISTING_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* Lists the objects of those kinds (bits 1 << PORTD_KIND_*; 0: all; the sessions of this user alone). Returns the exit
 * code. */
int listing_run(const struct invocation *in, unsigned kinds);

/* Those of these kinds. `current`: the id of the session that portctl is in. */
void listing_append(struct node *nodes, const portd_list *list, unsigned kinds, portd_id current);

#endif
