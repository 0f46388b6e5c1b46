/* binding.h: a session's name for a descriptor: the number that one of its processes uses for the open file.
 *
 * The number's semaphores and events are registered in the binding. The binding is an object of the session,
 * with the descriptor's id, from the first claim of the number until the broker's copy is closed. The number
 * finds it until another open file takes the number. If the session ends before the copy is closed, the binding
 * has no owner from then on and is in registry->leaving.
 *
 * The session is charged for the descriptor, not for the binding. bound.h says how the two lie in memory. */
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
    struct object object; /* its id is the descriptor's */
    uint64_t key;         /* process and number; see numbering.h */
    /* Registered semaphores and events, at most one of each per direction (waitable_find). */
    struct waitable *waitables;
};

struct binding_claim {
    struct binding *binding;
    bool kept;     /* fd is the broker's copy now; if false, fd is still the caller's */
    bool replaced; /* the number named another open file, whose semaphores and events have ended */
};

/* Binds the number (its key) to the open file fd: finds the existing binding if it is the same open file, else
 * makes a new one that takes fd and replaces the old one. fd must be counted in the fd table. socket: fd must
 * be one. objects: how many objects the caller will make; room for them is checked before anything is replaced.
 * Returns 0, or -1 with the refusal; then nothing has changed. The caller must call descriptor_update for a new
 * descriptor that nothing references. */
int binding_claim(struct session_objects *session_objects, uint64_t key, os_fd fd, bool socket,
                  unsigned objects, struct binding_claim *claim, struct refusal *refusal);

/* Returns the binding of the key, even while its descriptor is being closed, or NULL. */
struct binding *binding_find(const struct session_objects *session_objects, uint64_t key);

/* The session ends: drops the descriptor if it is still open, and leaves the binding without an owner. */
void binding_leave(struct binding *binding);

/* Hook (hooks.h): the descriptor is closed. Frees it and its binding. */
void binding_closed(struct descriptor *descriptor);

#endif
