/* listing.h: listing the objects of this user's sessions, or the sessions, for the verbs list and session and for looking up ids. */
#ifndef LISTING_H
#define LISTING_H

#include "client/portctl/command.h"
#include "client/portd.h"

/* A snapshot: portctl's own session first, then the others in order of creation; within each, objects in order of creation. */
struct listing {
    const portd_item **items;
    size_t n;
    portd_list **lists; /* the lists that own the items */
    size_t n_lists;
};

/* Fetches the objects of one kind, or of PORTD_KIND_ANY, of the client's session (`mine`) or of all that it can reach; or the
 * sessions of this user. Returns 1, or PORTD_E_*. Call listing_deinit in either case. */
int listing_fetch(portd_client *client, bool mine, int kind, int64_t deadline, struct listing *listing);
void listing_deinit(struct listing *listing);

/* Prints the objects of those kinds (bits 1 << PORTD_KIND_*; 0: all; sessions only by themselves). Returns the exit code. */
int listing_run(const struct invocation *in, unsigned kinds, bool mine);

/* Appends the items of these kinds. `current`: the id of the session that portctl is in. */
void listing_append(struct node *nodes, const portd_list *list, unsigned kinds, portd_id current);

#endif
