/* world.h: the broker's sessions in this process, with the real engine, loop and workers; the test runs the loop.
 *
 * Nothing here uses cmocka's assertions, so that a fuzzer may use it: a violated requirement ends the process. */
#ifndef WORLD_H
#define WORLD_H

#include "daemon/access/fd_table.h"
#include "daemon/access/kept.h"
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
    struct kept poller_fds;
    struct users users;
    struct policy policy;
    struct registry registry;
    struct sessions sessions;
    struct loop_timer stop;
    size_t calls;       /* callbacks of the loop */
    size_t used;        /* taken slots without clients */
    struct user *owner; /* of world_own */
    struct session_objects owners;
    uint64_t place; /* of the process whose numbers `owners` uses */
};

extern struct world world;

/* Makes the world with so many free slots. */
void world_make(size_t free_slots);

/* Frees the world; no connections, and every session has ended. Waits for pending closes. */
void world_free(void);

/* One pass of the loop over what is ready now, or becomes so within the pause. True if anything was. */
bool world_turn(int64_t pause_us);

/* Runs the loop until nothing is ready or pending. */
void world_until_idle(void);

/* Runs the loop until the condition holds, at most as long as a test may take. Returns the condition's last value. */
bool world_until(bool (*condition)(void));

/* Runs the queued tasks of the users' lanes only, not the loop. */
void world_turns(void);

/* A new connection: returns the client's end; -1: it was turned away. The broker's end has a small buffer. */
int world_connect(void);

/* ---- objects without a connection -------------------------------------------------------------------------------- */

/* Session objects of that user, whose reference goes with the world; world_disown ends them. */
void world_own(struct user *user);
void world_disown(void);

/* Binds a number to fd, which the registry owns from now on. */
struct binding *world_bind(int64_t number, int fd);

/* Ends session's objects in as many turns as that takes. */
void world_end(struct session_objects *session_objects);

/* Open descriptors of this process. */
size_t world_count_fds(void);

#endif
