/* deferred_drop.h: descriptors that nothing refers to since they became ready are dropped a little later.
 *
 * Dropping a copy takes system calls and wakes a worker. Done at once, that would come between the broker
 * and the client that it has just woken. So it is done when somebody asks for anything again, before the
 * request is looked at, or when DEFERRED_DROP_US have passed. Only ids are noted: what has gone meanwhile, or is
 * referred to again, is left alone. */
#ifndef DEFERRED_DROP_H
#define DEFERRED_DROP_H

#include <stdint.h>

enum { DEFERRED_DROP_US = 1000, DEFERRED_DROP_MAX = 64 };

struct object;
struct registry;

/* 0 or -ENOMEM. */
int deferred_drop_init(struct registry *registry, void (*update)(struct object *descriptor));
void deferred_drop_deinit(
    struct registry *registry); /* allowed also where deferred_drop_init has failed or has not been */

/* Settles the descriptor a little later. */
void deferred_drop_add(struct registry *registry, uint64_t id);

/* Settles all of them now. */
void deferred_drop_run(struct registry *registry);

#endif
