/* listing.h: what is in the sessions of this user, or the sessions, for the verbs list and session, and for those that look ids up. */
#ifndef LISTING_H
#define LISTING_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* A snapshot: the own session's objects first, then session by session; in each, and the sessions, in the order of making. */
struct listing {
    const portd_item **items;
    size_t n;
    portd_list **lists; /* that they lie in */
    size_t n_lists;
};

/* Objects of one kind, or PORTD_KIND_ANY, of the own session (`mine`) or of all that this client finds; or the sessions of this
 * user. Returns 1, or PORTD_E_*. Always to be followed by listing_deinit. */
int listing_fetch(portd_client *client, bool mine, int kind, int64_t deadline, struct listing *listing);
void listing_deinit(struct listing *listing);

/* Lists the objects of those kinds (bits 1 << PORTD_KIND_*; 0: all; the sessions of this user alone). Returns the exit
 * code. */
int listing_run(const struct invocation *in, unsigned kinds, bool mine);

/* Those of these kinds. `current`: the id of the session that portctl is in. */
void listing_append(struct node *nodes, const portd_list *list, unsigned kinds, portd_id current);

#endif
