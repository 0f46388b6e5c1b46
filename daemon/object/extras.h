/* extras.h: what few descriptors have, out of the way of the many that are only watched.
 *
 * A descriptor has extras from the first thing on that needs them, and for as long as it lives. Whoever is going to need them asks before anything
 * is changed (extras_get), since there may be no memory. */
#ifndef EXTRAS_H
#define EXTRAS_H

#include <stdbool.h>
#include <stddef.h>

struct descriptor;
struct thread_watch;
struct pending_create;
struct registry;
struct wrap;

/* Somebody waits until the copy is closed. */
struct descriptor_close {
    void (*done)(struct descriptor_close *close);
    struct descriptor_close *next;
};

struct extras {
    struct wrap *wraps;
    struct descriptor_close *closes;
    struct thread_watch *thread_watch;      /* only a poller thread may ask about it; else NULL */
    struct pending_create *pending_creates; /* objects that are waited for to be made (pending_create.h) */
};

/* NULL: none; extras may be NULL. */
static inline struct wrap *extras_wraps(const struct extras *extras) { return extras ? extras->wraps : NULL; }

static inline struct thread_watch *extras_thread_watch(const struct extras *extras) {
    return extras ? extras->thread_watch : NULL;
}

static inline struct pending_create *extras_pending_creates(const struct extras *extras) {
    return extras ? extras->pending_creates : NULL;
}

/* Sees to it that the descriptor has them. False: without memory. */
bool extras_get(struct descriptor *descriptor);

/* The descriptor goes. NULL is allowed. */
void extras_free(struct registry *registry, struct extras *extras);

/* close->done runs once the copy is closed, whenever that is, or will not be (descriptor_tell_kept); and no longer. */
void extras_await_close(struct extras *extras, struct descriptor_close *close);
void extras_forget_close(struct extras *extras, struct descriptor_close *close);

/* Whoever waits for the close, who does so no longer. NULL: nobody; extras may be NULL. */
struct descriptor_close *extras_take_closes(struct extras *extras);

/* Runs done of all of these. */
void extras_tell_closes(struct descriptor_close *closes);

#endif
