/* belongings.h: what one session has: its objects in the order of making, its numbers, its parked waits, its account.
 *
 * Everything in here is freed by belongings_end, or by itself before that; only a binding whose copy a worker is still closing may
 * outlive it, and then belongs to nobody but its user's account. */
#ifndef BELONGINGS_H
#define BELONGINGS_H

#include "daemon/access/account.h"
#include "daemon/base/order.h"
#include "daemon/base/table.h"
#include "numbering.h"
#include "object.h"

struct handle;
struct registry;
struct user;
struct wait_request;

struct belongings {
    struct registry *registry;
    struct account account;
    struct object *objects;
    struct order order; /* of objects, by registry_number */
    struct numberings numberings;
    struct table numbers;       /* key (numbering.h) -> binding, also of a copy that is being closed */
    struct wait_request *waits; /* parked */
    struct handle *lent;        /* those that it asked for of objects of other sessions */
    struct table lent_by_id;    /* id of the object -> the same ones */
    unsigned counts[OBJECT_SESSION + 1];
    bool closed; /* its session has ended */
};

/* user and name must outlast it. */
void belongings_init(struct belongings *belongings, struct registry *registry, struct user *user,
                     uint64_t session, const char *name, uint64_t seed);

/* From now on no id finds anything here. */
void belongings_close(struct belongings *belongings);

/* Ends some more of the objects, waits and handles with that cause, as many as the turn allows. True: none is left, and whoever waited for one has been told. */
bool belongings_end(struct belongings *belongings, int cause);

/* Nothing is left, and no wait of the session is parked. */
void belongings_deinit(struct belongings *belongings);

/* The object of that id if it is one of these. */
struct object *belongings_find(const struct belongings *belongings, uint64_t id);

/* The object's list entry goes, and what it costs is given back; its memory is the caller's. */
void belongings_remove(struct object *object);

/* The same for a binding whose copy is still to be closed: nobody's, and on the user's account alone. */
void belongings_leave(struct object *binding);

/* The first object that was made after that of the id, which may be gone, or belong to another session; 0: the first of all. NULL: none. */
struct object *belongings_next(const struct belongings *belongings, uint64_t after);

#endif
