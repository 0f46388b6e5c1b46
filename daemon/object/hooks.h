/* hooks.h: the upward calls in this directory, set at initialization (objects.c).
 *
 * A file calls the files below it directly. It calls one above it through a hook, without knowing it. */
#ifndef HOOKS_H
#define HOOKS_H

#include <stdbool.h>

struct binding;
struct descriptor;
struct hold;
struct port;
struct transfer;
struct wait_target;
struct waitqueue;

/* What the subscribers need of one direction of a descriptor. */
enum {
    NEED_WATCH = 1,
    NEED_EDGE = 2,
    /* Wake-one waits: each activity of the direction must be reported alone. */
    NEED_SPLIT = 4
};

struct object_hooks {
    /* descriptor.c calls its subscribers. */
    void (*on_needs)(const struct descriptor *descriptor, unsigned needs[2]); /* sets both directions */
    void (*on_ready)(struct descriptor *descriptor, int direction, int cause);
    void (*on_dropped)(struct descriptor *descriptor); /* it is unreferenced */
    void (*on_closed)(struct descriptor *descriptor);  /* frees it */
    void (*on_copy_closed)(struct hold *hold);         /* it was a copy of that hold, and has been freed */
    void (*on_hang_up)(struct hold *hold); /* of its own copy, of which it is told (hold_set_hang_up) */
    /* binding.c: the number names another open file. */
    void (*on_replaced)(struct binding *binding);
    /* waitqueue.c calls a wait or a transfer. */
    void (*on_target_ready)(struct wait_target *target, int cause);
    void (*on_transfer_ready)(struct waitqueue *queue);
    void (*on_transfer_failed)(struct transfer *transfer);
    /* waitable.c calls a wait, the port itself, and the port's queued transfers. */
    void (*on_target_ended)(struct wait_target *target, int cause);
    void (*on_port_ended)(struct port *port, struct descriptor *descriptor);
    void (*on_transfer_ended)(struct port *port);
};

#endif
