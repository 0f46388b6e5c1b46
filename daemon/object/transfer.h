/* transfer.h: one read, peek, write, position or splice on a port, from request to answer.
 *
 * A port's transfers are carried out one at a time, in order, each by a worker (stream.h). The first one is
 * submitted when its descriptor is ready, as far as the loop may find out, and no other transfer of that
 * direction is being tried. If the worker finds it not ready, it waits in the descriptor's queue (waitqueue.h).
 * Descriptors that poll(2) does not report on are tried again after pauses that double each time. Before bytes
 * are taken from the kernel `room` is asked whether the reply can take them, so they stay in the broker only
 * until they are in the reply.
 *
 * An unfinished splice continues when its descriptor is ready again, behind the waiting transfers of other
 * ports, and as often as the rate of its uid allows. However it ends, the bytes it has moved are answered,
 * unless its connection ends while no worker has it. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "stream.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    TRANSFER_PAUSE_US = 10000,
    TRANSFER_PAUSES = 16,  /* times that the pause doubles */
    TRANSFER_LITTLE = 4096 /* bytes; a round of a splice that moves fewer is charged to the rate */
};

struct descriptor;
struct identity;
struct port;
struct waitqueue;

struct transfer {
    struct offload_job job; /* while `working` */
    struct stream_job stream;
    /* The requester's. Valid until done, or until transfer_cancel has returned true. */
    const struct identity *identity;
    struct descriptor *descriptor; /* while `working`: it has a job for this transfer */
    struct port *port;             /* NULL if the port has ended while `working` */
    struct transfer *prev, *next;
    /* Outcome: 0, a STREAM_E_ but STREAM_E_MORE, a negative errno, or -ECANCELED (cancelled, or
     * the port was closed). */
    int error;
    struct loop_timer pause;
    struct ring queue_node; /* in the descriptor's queue, while it waits there */
    unsigned vain;          /* futile tries on a descriptor that poll(2) does not report on */
    size_t moved;           /* splice: bytes moved before this try */
    bool paused;            /* the pause timer runs */
    bool slowed;            /* until the uid may have another round: it is in no queue of a descriptor */
    bool working;
    bool cancelled; /* while `working`: the outcome is wanted only if it has bytes */
    /* Set by the owner: nobody takes the outcome, so a worker that has not begun takes no bytes. */
    atomic_bool unwanted;
    bool dropped; /* the broker ends: done must not submit jobs */
    /* Returns whether the outcome can be taken now. If not, the owner calls transfer_go_on when it can. */
    bool (*room)(struct transfer *transfer);
    /* Called when the transfer has left all queues; stream has the answers. */
    void (*done)(struct transfer *transfer);
};

/* Starts the transfer. Needs waitable_expect. The caller sets port, identity, room, done and stream (but for
 * fd, type and the answers). It owns the memory and the bytes, and keeps both until done, which may be called
 * before this returns. */
void transfer_start(struct transfer *transfer);

/* The owner has room for the outcome again. */
void transfer_go_on(struct port *port);

/* Returns true if the transfer was not working: it has ended, error is set, and done is not called. False: done
 * comes later, with -ECANCELED unless the transfer got bytes. */
bool transfer_cancel(struct transfer *transfer);

/* For port.c. The first detaches a transfer that a worker has in hand, which ends when the worker returns it;
 * the second ends one of the others. */
void transfer_on_port_ended(struct port *port, struct descriptor *descriptor);
void transfer_end(struct port *port);
void transfer_ready(struct waitqueue *queue); /* hook (hooks.h): the same with ready */

/* The transfer waits for a descriptor that cannot be watched: ends it with -ENOMEM. */
void transfer_fail(struct transfer *transfer);

#endif
