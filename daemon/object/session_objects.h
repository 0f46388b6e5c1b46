/* session_objects.h: what one session owns: its objects in order of creation, its numbers, its in-flight waits,
 * its account.
 *
 * session_objects_end frees everything that is left in here. Only a binding whose descriptor a worker is still
 * closing can outlive it; that binding has no owner and is charged to its user alone. */
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
    struct order order; /* the objects, by registry_number */
    struct numberings numberings;
    uint64_t hold_place;        /* of serial numbers of holds (hold.h), like a process's; 0: none yet */
    struct table numbers;       /* key (numbering.h) -> binding, also while its descriptor is being closed */
    struct wait_request *waits; /* in flight */
    struct handle *lent;        /* handles that it requested of other sessions' objects */
    struct table lent_by_id;    /* object id -> handle in `lent` */
    unsigned counts[OBJECT_SESSION + 1];
    bool closed; /* the session has ended */
};

/* The number of that key; -1: it is a serial number of a hold, which means nothing to a client. */
static inline int64_t session_objects_number(const struct session_objects *session_objects, uint64_t key) {
    bool held =
        session_objects && session_objects->hold_place && number_place(key) == session_objects->hold_place;
    return held ? -1 : number_of_key(key);
}

/* user and name must outlive it. */
void session_objects_init(struct session_objects *session_objects, struct registry *registry,
                          struct user *user, uint64_t session, const char *name, uint64_t seed);

/* From now on session_objects_find finds nothing. */
void session_objects_close(struct session_objects *session_objects);

/* Ends more of the objects, waits and handles with that cause, as many as the turn allows. Returns true when
 * none is left and all waiters have been notified. */
bool session_objects_end(struct session_objects *session_objects, int cause);

/* Everything must have ended, and no wait of the session may be in flight. */
void session_objects_deinit(struct session_objects *session_objects);

/* Returns the object of that id if this session owns it, else NULL. */
struct object *session_objects_find(const struct session_objects *session_objects, uint64_t id);

/* Removes the object from its owner's list and gives its charge back. The memory stays the caller's. */
void session_objects_remove(struct object *object);

/* The same for a binding whose descriptor is still to be closed: it has no owner from now on, and its user
 * alone stays charged. */
void session_objects_leave(struct object *binding);

/* Returns the first object made after the one with that id, which may be gone or another session's; after 0,
 * the first of all. NULL: none. */
struct object *session_objects_next(const struct session_objects *session_objects, uint64_t after);

#endif
