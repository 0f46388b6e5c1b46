/* hold.h: descriptors that are held under a name of a uid, beyond the session that put them.
 *
 * A hold has a copy of its own, bound in a session of its uid that is for nothing else (daemon/session/holding.h). A session that makes objects by it
 * gets another copy (a dup), bound under the hold's serial number as others are under a number of a process. So objects,
 * waits and charges are the session's, and all else is as for any descriptor.
 *
 * hold_end frees the name at once. What was made by the hold ends in turns of the holding uid, and the hold is gone when the last of the copies
 * is closed. */
#ifndef HOLD_H
#define HOLD_H

#include "daemon/base/order.h"
#include "daemon/base/ring.h"
#include "daemon/base/table.h"
#include "daemon/base/turn.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct binding;
struct descriptor;
struct refusal;
struct registry;
struct session_objects;
struct user;

enum { HOLD_NAME_MAX = 255 };

struct hold {
    uint64_t id; /* of its copy */
    struct holds *all;
    struct user *user;        /* charged for it; a reference, which `gone` gives back */
    struct binding *binding;  /* of its copy; not once it has ended */
    struct hold_owner *of;    /* while it is entered */
    struct hold *prev, *next; /* in of->list */
    struct ring copies;       /* extras->copy (extras.h) of its own copy and those of sessions, */
    struct ring ending;       /* and of those whose objects have ended: they are closed soon */
    struct ring ends;         /* struct hold_end */
    struct task task;         /* ends the objects */
    void (*gone)(
        struct hold *hold); /* called when all copies are closed and all are told: frees the memory */
    void (*hung_up)(struct hold *hold); /* called for hold_set_hang_up: it may end the hold */
    uint32_t serial;
    unsigned n_copies; /* in both rings */
    bool hidden;       /* another one has its name, and may yet give it back */
    bool kept;         /* it was given to the keeper, which has not closed it: it is not gone before */
    uint8_t cause;     /* why it has ended; 0: it has not */
    uint64_t hash;     /* of owner and name: key of all->by_hash */
    struct hold *same; /* the next one of that hash */
    os_uid owner;      /* since it was entered, with the name */
    char name[HOLD_NAME_MAX + 1];
};

/* What is held for one uid. */
struct hold_owner {
    os_uid uid;
    struct hold *list;  /* in order of id */
    struct order order; /* of list, by registry_number */
};

/* All holds of the broker. */
struct holds {
    struct table by_hash; /* the first hold of each hash of owner and name */
    uint64_t key[2];      /* of that hash */
    struct table owners;  /* struct hold_owner by uid: those who have any */
    struct registry *registry;
    uint32_t issued; /* serial numbers */
};

/* Whom to tell when all copies are closed. `done` is called once; hold_forget_end before that takes it back. */
struct hold_end {
    void (*done)(struct hold_end *end);
    struct ring node; /* in hold->ends; in no ring: told */
};

/* Sets registry->holds. 0 or a negative errno. */
int holds_init(struct registry *registry);
void holds_deinit(struct registry *registry); /* asserts that there are none */

/* NULL: no such name. */
struct hold *hold_find(const struct holds *holds, os_uid owner, const char *name);

/* The first hold of that owner after the one with that id, which may be gone; after 0, the first of all. NULL: none. */
struct hold *holds_next(const struct holds *holds, os_uid owner, uint64_t after);
struct hold *hold_next(const struct hold *hold); /* of the same owner; NULL: it is the last */

/* Some hold that is entered, or NULL. */
struct hold *holds_any(const struct holds *holds);

/* Makes a hold of *hold, which is zeroed but for `gone` and `hung_up`, without a name yet: binds the received *fd in `in`, a session of the uid that is charged. Sets *fd to
 * OS_FD_NONE if it has taken it. 0, or -1 and the refusal: the memory is the caller's again. */
int hold_make(struct hold *hold, struct session_objects *in, os_fd *fd, struct refusal *refusal);

/* It can be found from now on by owner and name. What was held there must end before the next hold_find. 0 or -ENOMEM: nothing has changed. */
int hold_enter(struct hold *hold, os_uid owner, const char *name);

/* hold_find, holds_next and hold_next pass it over, until hold_show: at once after the hold that took its name has ended. */
void hold_hide(struct hold *hold);
void hold_show(struct hold *hold);

/* Ends it with that cause; it must not have ended. One that was not entered may be ended, too. */
void hold_end(struct hold *hold, int cause);

/* Whether the system tells of the hang-up of what is held. 0, or -1 and the refusal. */
int hold_check_hang_up(const struct hold *hold, struct refusal *refusal);

/* Has hold->hung_up called when it hangs up, or has already. 0, or -1 and the refusal: as before. Taking it back does not fail. */
int hold_set_hang_up(struct hold *hold, bool wanted, struct refusal *refusal);

/* Calls end->done when it is gone; the hold must have ended. */
void hold_await_end(struct hold *hold, struct hold_end *end);
void hold_forget_end(struct hold_end *end);

/* The keeper has closed it. */
void hold_unkeep(struct hold *hold);

/* The key of a session's binding by this hold (binding.h). 0, or -1 and the refusal. */
int hold_get_key(const struct hold *hold, struct session_objects *session_objects, uint64_t *key,
                 struct refusal *refusal);

/* The session's binding by it, or NULL. */
struct binding *hold_binding(const struct hold *hold, const struct session_objects *session_objects);

/* The binding was made by the hold: it ends with it. Does nothing if it is known. 0, or -1 and the refusal. */
int hold_join(struct hold *hold, struct descriptor *copy, struct refusal *refusal);

/* The hold that this descriptor is a copy of, its own or a session's, or NULL. */
struct hold *hold_of(const struct descriptor *descriptor);

/* The copies of sessions, those that came last first: as many as there is room for. */
size_t hold_copies(const struct hold *hold, const struct descriptor **copies, size_t room);

/* By which group (a gid) the right to use a copy so was given; HOLD_NO_GROUP: by uid. Of copies only. */
enum hold_use { HOLD_WATCH, HOLD_READ, HOLD_WRITE, HOLD_USES };
#define HOLD_NO_GROUP UINT32_C(65534)
uint32_t hold_group(const struct descriptor *copy, enum hold_use use);
void hold_set_group(struct descriptor *copy, enum hold_use use, uint32_t group);

/* Hooks (hooks.h). The last copy may have been closed: */
void hold_copy_closed(struct hold *hold);
void hold_hung_up(struct hold *hold);

#endif
