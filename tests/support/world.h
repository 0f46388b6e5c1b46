/* world.h: the broker's sessions in this process, with the real engine, loop and workers; the loop turns when it is told to.
 *
 * Nothing here asserts by cmocka, so that a fuzzer may use it: what must be so and is not ends the process. */
#ifndef WORLD_H
#define WORLD_H

#include "daemon/access/fd_table.h"
#include "daemon/access/policy.h"
#include "daemon/access/user.h"
#include "daemon/loop/loop.h"
#include "daemon/object/registry.h"
#include "daemon/object/session_objects.h"
#include "daemon/session/session.h"

#include <stdio.h>
#include <stdlib.h>

#define require(condition)                                                                                   \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

struct world {
    struct loop *loop;
    struct offload *offload;
    struct closer *closer;
    struct pollers *pollers;
    struct fd_table fd_table;
    struct users users;
    struct policy policy;
    struct registry registry;
    struct sessions sessions;
    struct loop_timer stop;
    size_t calls;       /* of the loop: its callbacks */
    size_t used;        /* slots taken without clients */
    struct user *owner; /* of world_own */
    struct session_objects owners;
    uint64_t place; /* of the process whose numbers `owners` has */
};

extern struct world world;

/* With so many free slots for descriptors. */
void world_make(size_t free_slots);

/* When nobody is connected and every session has ended; waits for what is still being closed. */
void world_free(void);

/* One pass of the loop over what is ready now, or becomes so within the pause. True if anything was. */
bool world_turn(int64_t pause_us);

/* Until nothing happens any more. */
void world_update(void);

/* Until the condition holds; for as long as a test may take. Returns what it was at last. */
bool world_until(bool (*condition)(void));

/* Only what the users' lanes have to do; the loop does not turn. */
void world_turns(void);

/* A new connection: the client's end; -1: it was turned away. The broker's end takes few bytes at a time. */
int world_connect(void);

/* ---- objects without a connection -------------------------------------------------------------------------------- */

/* Belongings of that user, whose reference goes with the world; world_disown ends them. */
void world_own(struct user *user);
void world_disown(void);

/* One of its numbers means that descriptor, which is the registry's from now on. */
struct binding *world_bind(int64_t number, int fd);

/* Ends session's objects in as many turns as that takes. */
void world_end(struct session_objects *session_objects);

/* Open descriptors of this process. */
size_t world_count_fds(void);

#endif
