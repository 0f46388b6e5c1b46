/* flow.h: bytes from one descriptor of portctl's own to another. */
#ifndef FLOW_H
#define FLOW_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLOW_CHUNK = 65536 };

enum flow_end {
    FLOW_DONE,       /* some bytes were moved */
    FLOW_FILE_END,   /* of where they come from */
    FLOW_READ_ERROR, /* errno tells */
    FLOW_WRITE_ERROR,
    FLOW_LATE,    /* the deadline passed */
    FLOW_REFUSED, /* the giver tells why */
    FLOW_LOOK     /* `watch` is readable although there is nothing to read: it may be over */
};

struct flow;

/* Takes all of the bytes in the place of `to`: FLOW_DONE, or FLOW_REFUSED and how many it has taken. No bytes: the end
 * has come, and is to be told. */
typedef enum flow_end flow_giver(struct flow *flow, const void *bytes, size_t size, size_t *written);

/* All that was moved lies in `to`, which is a pipe, and goes on: FLOW_DONE or FLOW_REFUSED, and then what is left is lost. */
typedef enum flow_end flow_passer(struct flow *flow);

struct flow {
    portd_native from, to;
    portd_native watch; /* a pollable handle for what `from` is, or -1 */
    int64_t deadline;
    flow_giver *give;  /* NULL: the bytes go to `to` */
    flow_passer *pass; /* not NULL: they go to `to`, and on from there; `give` tells the end alone */
    void *giver;
    uint64_t most;  /* not 0: no more than so many are there to be moved, in all */
    uint64_t count; /* bytes moved */
    size_t lost;    /* bytes that were read from `from` and then could not be written */
    bool returns;   /* what would be lost is put back into `from`, where that is a file */
    bool copies;    /* the two cannot be spliced */
    bool
        shuts; /* with flow_start: at the end of the file the end is told: `to`, a socket, is shut down for writing */
};

/* To be called once, before the others: a deadline interrupts system calls, and a pipe that nobody reads is
 * an error (`tells`) or ends the program, as it was. */
void flow_begin(int64_t deadline, bool tells);

/* Whether reads and writes of that descriptor are those of a stream: a read of nothing is its end. */
bool flow_is_stream(portd_native number);

/* Moves bytes until something else than FLOW_DONE is to be told, which tells that there are no more; after FLOW_LOOK it can be called again. */
enum flow_end flow_run(struct flow *flow);

/* Reads what there is, at most FLOW_CHUNK. FLOW_DONE and *count, or another end. */
enum flow_end flow_read(const struct flow *flow, void *bytes, size_t *count);

/* Writes all of it: FLOW_DONE, FLOW_WRITE_ERROR, FLOW_LATE or FLOW_REFUSED. What is not written is lost. */
enum flow_end flow_write(struct flow *flow, const void *bytes, size_t size);

/* So many bytes of the last that were moved are lost, unless they can be put back. Keeps errno. */
void flow_lose(struct flow *flow, size_t size);

/* Runs a copy of the flow in a thread beside the caller's own. Its descriptors stay open until it has ended or
 * the program has. Returns 0 and *done, or an errno. */
int flow_start(const struct flow *flow, portd_native *done);

/* Waits for that flow, tells how it has ended and what it has moved and lost (or FLOW_LATE), and closes `done`. */
enum flow_end flow_finish(portd_native done, struct flow *flow);

#endif
