/* deferred_drop.h: drops descriptors a little after they became unreferenced, when readiness caused that.
 *
 * A drop costs system calls and wakes a worker. Done at once, it would delay the client that has just been
 * woken. So it is done before the next request is examined, or after DEFERRED_DROP_US. The list holds ids only:
 * a descriptor that is gone or referenced again by then is left alone. */
#ifndef DEFERRED_DROP_H
#define DEFERRED_DROP_H

#include <stdint.h>

enum { DEFERRED_DROP_US = 1000, DEFERRED_DROP_MAX = 64 };

struct object;
struct registry;

/* update is called for each descriptor whose turn has come. Returns 0 or -ENOMEM. */
int deferred_drop_init(struct registry *registry, void (*update)(struct object *descriptor));
/* Also allowed if deferred_drop_init failed or was never called. */
void deferred_drop_deinit(struct registry *registry);

/* Calls update for the descriptor a little later. */
void deferred_drop_add(struct registry *registry, uint64_t id);

/* Calls update for all listed descriptors now. */
void deferred_drop_run(struct registry *registry);

#endif
