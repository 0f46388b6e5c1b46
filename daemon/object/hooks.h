/* hooks.h: the calls upward in this room, handed over at the start (objects.c).
 *
 * Files call those that they stand on. What a file below has to tell one above it, without knowing it, goes through here. */
#ifndef HOOKS_H
#define HOOKS_H

#include <stdbool.h>

struct binding;
struct descriptor;
struct port;
struct transfer;
struct wait_target;
struct waitqueue;

/* What somebody needs of one direction of a descriptor. */
enum {
    NEED_WATCH = 1,
    NEED_EDGE = 2,
    NEED_SPLIT = 4 /* wake-one waits: nothing else is to be told with it */
};

struct object_hooks {
    /* From descriptor.c, to whoever subscribes to it. */
    void (*on_needs)(const struct descriptor *descriptor, unsigned needs[2]); /* by direction */
    void (*on_ready)(struct descriptor *descriptor, int direction, int cause);
    void (*on_dropped)(struct descriptor *descriptor); /* nobody subscribes any more */
    void (*on_closed)(struct descriptor *descriptor);  /* it is gone with this */
    /* From binding.c: its number names another open file. */
    void (*on_replaced)(struct binding *binding);
    /* From waitqueue.c: to a wait, and to what reads or writes. */
    void (*on_target_ready)(struct wait_target *target, int cause);
    void (*on_transfer_ready)(struct waitqueue *queue);
    void (*on_transfer_failed)(struct transfer *transfer);
    /* From waitable.c: to a wait, to the port itself, and to what is queued on it. */
    void (*on_target_ended)(struct wait_target *target, int cause);
    void (*on_port_ended)(struct port *port, struct descriptor *descriptor);
    void (*on_transfer_ended)(struct port *port);
};

#endif
