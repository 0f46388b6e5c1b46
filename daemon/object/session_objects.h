/* session_objects.h: what one session has: its objects in the order of making, its numbers, its in flight waits, its account.
 *
 * Everything in here is freed by session_objects_end, or by itself before that; only a binding whose copy a worker is still closing may
 * outlive it, and then belongs to nobody but its user's account. */
#ifndef SESSION_OBJECTS_H
#define SESSION_OBJECTS_H

#include "daemon/access/account.h"
#include "daemon/base/order.h"
#include "daemon/base/table.h"
#include "numbering.h"
#include "object.h"

struct handle;
struct registry;
struct user;
struct wait_request;

struct session_objects {
    struct registry *registry;
    struct account account;
    struct object *objects;
    struct order order; /* of objects, by registry_number */
    struct numberings numberings;
    struct table numbers;       /* key (numbering.h) -> binding, also of a copy that is being closed */
    struct wait_request *waits; /* in flight */
    struct handle *lent;        /* those that it asked for of objects of other sessions */
    struct table lent_by_id;    /* id of the object -> the same ones */
    unsigned counts[OBJECT_SESSION + 1];
    bool closed; /* its session has ended */
};

/* user and name must outlast it. */
void session_objects_init(struct session_objects *session_objects, struct registry *registry,
                          struct user *user, uint64_t session, const char *name, uint64_t seed);

/* From now on no id finds anything here. */
void session_objects_close(struct session_objects *session_objects);

/* Ends some more of the objects, waits and handles with that cause, as many as the turn allows. True: none is left, and whoever waited for one has been told. */
bool session_objects_end(struct session_objects *session_objects, int cause);

/* Nothing is left, and no wait of the session is in flight. */
void session_objects_deinit(struct session_objects *session_objects);

/* The object of that id if it is one of these. */
struct object *session_objects_find(const struct session_objects *session_objects, uint64_t id);

/* The object's list entry goes, and what it costs is given back; its memory is the caller's. */
void session_objects_remove(struct object *object);

/* The same for a binding whose copy is still to be closed: nobody's, and on the user's account alone. */
void session_objects_leave(struct object *binding);

/* The first object that was made after that of the id, which may be gone, or belong to another session; 0: the first of all. NULL: none. */
struct object *session_objects_next(const struct session_objects *session_objects, uint64_t after);

#endif
