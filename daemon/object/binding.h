/* binding.h: how a session has a copy: by the number that a process of it calls its own descriptor by.
 *
 * Under it the number's semaphores and events are registered. It is one of the session's objects, with its copy's id, from when the number is first
 * claimed until the copy is closed, and the number finds it for as long as no other open file takes that. If its session ends before the
 * copy is closed it leaves: it belongs to nobody, and is in registry->leaving.
 *
 * What it is charged for is the copy; what it is laid beside says bound.h. */
#ifndef BINDING_H
#define BINDING_H

#include "inspect.h"
#include "object.h"
#include "proto/os.h"

#include <stdbool.h>

struct session_objects;
struct descriptor;
struct waitable;
struct refusal;

struct binding {
    struct object object; /* the id is its copy's */
    uint64_t key;         /* of its number; see numbering.h */
    struct waitable
        *waitables; /* registered semaphores and events, at most one for each direction (waitable_find) */
};

struct binding_claim {
    struct binding *binding;
    enum inspect_type type;
    bool kept;     /* fd is the broker's copy now; if not, it is still the caller's, of that type */
    bool same;     /* fd is one more copy of the binding's open file */
    bool replaced; /* the number named another open file, whose objects have ended */
};

/* The binding of that number (its key) to the open file fd: the one that is there if it is the same, else a new one with a copy of its own,
 * replacing an old one. fd counts as a taken slot. With `socket` it must be one. objects: how many are going to be made of
 * it, for which there must be room before anything is replaced. 0, or -1 and the refusal; then nothing has changed. A new copy that nothing
 * refers to must be given to descriptor_update. */
int binding_claim(struct session_objects *session_objects, uint64_t key, os_fd fd, bool socket,
                  unsigned objects, struct binding_claim *claim, struct refusal *refusal);

/* The one that the key of a number finds, also while its copy is being closed; or NULL. */
struct binding *binding_find(const struct session_objects *session_objects, uint64_t key);

/* Its session ends: its copy is dropped if it is not yet. */
void binding_leave(struct binding *binding);

/* Hook (hooks.h): its copy is closed, and it is gone with this. */
void binding_closed(struct descriptor *descriptor);

#endif
