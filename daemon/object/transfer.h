/* transfer.h: one read, peek, write, position or splice on a port, from asked to answered.
 *
 * The transfers of a port are carried out one at a time, in their order, each by a worker (stream.h). The first one goes there when its
 * descriptor is ready as far as the loop may know, and no other of that direction is being tried; if it was not ready after all, it waits
 * until it is (waitqueue.h). What poll(2) does not tell of is tried again after pauses that double each time. The bytes of a read lie in the
 * broker no longer than it takes to put them into the reply: `room` is asked before anything is taken from the kernel.
 *
 * A splice that is not over goes on when its descriptor is ready again, behind those that other ports wait with. What it has moved is answered,
 * whatever ends it. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "stream.h"

#include <stdbool.h>
#include <stddef.h>

enum { TRANSFER_PAUSE_US = 10000, TRANSFER_PAUSES = 16 /* doublings */ };

struct descriptor;
struct identity;
struct port;
struct waitqueue;

struct transfer {
    struct offload_job job; /* while `working` */
    struct stream_job stream;
    const struct identity *identity; /* who asks; stays until done, or until transfer_cancel has ended it */
    struct descriptor *descriptor;   /* while working: it has this job */
    struct port *port;               /* NULL once the port has ended under a working one */
    struct transfer *prev, *next;
    int error; /* outcome: 0, STREAM_E_PROCESS, STREAM_E_GONE, a negative errno, -ECANCELED (cancelled, or the port was closed) */
    struct loop_timer pause;
    struct ring queue_node; /* in its descriptor's queue, while it waits for that */
    unsigned vain;          /* tries of what poll(2) does not tell of */
    size_t moved;           /* by a splice, before this try */
    bool paused;            /* for a while */
    bool working;
    bool cancelled; /* while working: nobody wants the outcome unless it has bytes */
    bool dropped;   /* the broker ends: done must hand nothing to workers */
    /* Whether the outcome can be taken now; if not, transfer_go_on is called when it can. */
    bool (*room)(struct transfer *transfer);
    /* It is out of the queue; stream has the answers. */
    void (*done)(struct transfer *transfer);
};

/* waitable_expect was asked before. port, identity, room, done and stream (but for fd, type and the answers) are set. Its memory, and that of the bytes, stays the caller's until
 * done, which may be called from within. */
void transfer_start(struct transfer *transfer);

/* There is room again. */
void transfer_go_on(struct port *port);

/* Ends one that is not working: done is not called, and error is set. A working one is marked; its done comes later, with -ECANCELED unless it got
 * bytes. True: it is over now. */
bool transfer_cancel(struct transfer *transfer);

/* From port.c: what a worker has in hand ends when that comes back; the rest is ended by transfer_end, one at a time. */
void transfer_on_port_ended(struct port *port, struct descriptor *descriptor);
void transfer_end(struct port *port);

/* From waitqueue.c: the first that waits is tried, if none is. ready: the descriptor is, so it need not be asked. */
void transfer_try(struct waitqueue *queue, bool ready);
void transfer_ready(struct waitqueue *queue); /* the same of one that is ready: hook (hooks.h) */

/* It waits for a descriptor that nobody will tell of. */
void transfer_fail(struct transfer *transfer);

#endif
