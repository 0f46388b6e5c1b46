/* transfer.h: one read, peek, write or position on a port, from asked to answered.
 *
 * The transfers of a port are carried out one at a time, in their order, each by a worker (stream.h). The first one goes there when its
 * descriptor is ready as far as the loop may know; if it was not after all, it waits until it is. Of some descriptors poll(2) tells
 * again and again what does not help (an error queue, another reader who is faster): after TRANSFER_VAIN tries in a row it pauses
 * before each further one. The bytes of a read lie in the
 * broker no longer than it takes to put them into the reply: `room` is asked before anything is taken from the kernel. */
#ifndef TRANSFER_H
#define TRANSFER_H

#include "daemon/loop/offload.h"
#include "port.h"
#include "stream.h"

enum { TRANSFER_VAIN = 8, TRANSFER_ROW_US = 100000, TRANSFER_PAUSE_US = 10000 };

struct transfer {
    struct offload_job job; /* while `working` */
    struct stream_job stream;
    const struct identity *identity; /* who asks; stays until done, or until transfer_cancel has ended it */
    struct descriptor *descriptor;   /* while working: it has this job */
    struct port *port;               /* NULL once the port has ended under a working one */
    struct transfer *prev, *next;
    int error; /* outcome: 0, STREAM_E_PROCESS, a negative errno, -ECANCELED (cancelled, or the port was closed) */
    struct loop_timer pause;
    int64_t vain_at; /* when it was last tried in vain */
    unsigned vain;   /* tries, in a row */
    bool waiting;    /* for the descriptor */
    bool paused;     /* for a while */
    bool working;
    bool cancelled; /* while working: nobody wants the outcome unless it has bytes */
    /* Whether the outcome can be taken now; if not, transfer_go_on is called when it can. */
    bool (*room)(struct transfer *transfer);
    /* It is out of the queue; stream has the answers. */
    void (*done)(struct transfer *transfer);
};

/* port, identity, room, done and stream (but for fd, type and the answers) are set. Its memory, and that of the bytes, stays the caller's until
 * done, which may be called from within. */
void transfer_start(struct transfer *transfer);

/* There is room again. */
void transfer_go_on(struct port *port);

/* Ends one that is not working: done is not called. A working one is marked; its done comes later, with -ECANCELED unless it got bytes.
 * True: it is over now. */
bool transfer_cancel(struct transfer *transfer);

void transfer_end_all(struct port *port);
bool transfer_wants(const struct port *port);
void transfer_on_ready(struct port *port);

/* All that no worker has in hand fail, since nobody would tell of the descriptor. */
void transfer_fail_waiting(struct port *port);

#endif
