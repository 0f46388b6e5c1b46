/* fading.h: descriptors that nothing refers to since they became ready are dropped a little later.
 *
 * Dropping a copy takes system calls and wakes a worker. Done at once, that would come between the broker
 * and the client that it has just woken. So it is done when somebody asks for anything again, before the
 * request is looked at, or when FADING_US have passed. Only ids are noted: what has gone meanwhile, or is
 * referred to again, is left alone. */
#ifndef FADING_H
#define FADING_H

#include <stdint.h>

enum { FADING_US = 1000, FADING_MAX = 64 };

struct object;
struct registry;

/* 0 or -ENOMEM. */
int fading_init(struct registry *registry, void (*settle)(struct object *descriptor));
void fading_deinit(struct registry *registry); /* allowed also where fading_init has failed or has not been */

/* Settles the descriptor a little later. */
void fading_add(struct registry *registry, uint64_t id);

/* Settles all of them now. */
void fading_settle(struct registry *registry);

#endif
