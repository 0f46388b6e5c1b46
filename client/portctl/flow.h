/* flow.h: copying bytes from one descriptor of portctl to another. */
#ifndef FLOW_H
#define FLOW_H

#include "client/portctl/packet.h"
#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FLOW_CHUNK = 65536,
    FLOW_ALIGNMENT = 4096, /* of the bytes in memory; files open with O_DIRECT need it */
    FLOW_PIPE_EXIT = 141   /* what shells report of a program that SIGPIPE has ended */
};

enum flow_end {
    FLOW_DONE,       /* some bytes were moved */
    FLOW_FILE_END,   /* end of file of `from` */
    FLOW_READ_ERROR, /* see errno */
    FLOW_WRITE_ERROR,
    FLOW_LATE,    /* the deadline passed */
    FLOW_STOPPED, /* by a signal (stop.h) */
    FLOW_REFUSED, /* by the giver, which has the reason */
    FLOW_LOOK, /* the port may be closed: `watch` is readable but `from` is not, or it is time to look (`looks`) */
    FLOW_CUT /* a packet did not fit: `cut` bytes of it are lost, the others were moved */
};

struct flow;

/* Takes the bytes instead of `to`: FLOW_DONE; FLOW_REFUSED or FLOW_STOPPED and how many were taken. With bytes NULL: end of file, to be
 * passed on. */
typedef enum flow_end flow_giver(struct flow *flow, const void *bytes, size_t size, size_t *written);

/* Passes on all bytes in `to`, which is a pipe: FLOW_DONE; or FLOW_REFUSED or FLOW_STOPPED, and then the rest is lost. */
typedef enum flow_end flow_passer(struct flow *flow);

struct flow {
    portd_native from, to;
    portd_native watch; /* a pollable handle of the port whose copy `from` is, or -1 */
    int64_t deadline;
    flow_giver *give; /* NULL: the bytes go to `to` */
    flow_passer *
        pass; /* not NULL: called after bytes were moved to `to`; `give` is then called for end of file only */
    void *giver;
    uint64_t most;  /* not 0: move at most so many bytes in all */
    uint64_t count; /* bytes moved */
    size_t lost;    /* bytes that were read from `from` and then could not be written */
    size_t cut;     /* bytes of the last packet that did not fit, and are lost */
    bool returns;   /* if `from` is a file, its offset is moved back by the bytes that were not written */
    bool copies;    /* the two cannot be spliced */
    bool packets;   /* `from` keeps packets apart: each is taken whole (flow_set_packets) */
    bool sends;     /* `to` does: what one read gives is one packet */
    bool looks;     /* where bytes never stop coming it ends with FLOW_LOOK, once a second */
    int64_t looked; /* when it did so last */
    bool shuts;     /* with flow_start: at end of file the socket `to` is shut down for writing */
    int64_t
        fails; /* with flow_start: so many microseconds after its failure the first thread's is stopped, too */
    struct packet packet; /* the last one; freed by the caller, and by the second thread for its own */
};

/* Called once, before the others. From then on SIGPIPE and SIGXFSZ are ignored: a pipe without a reader is an error (EPIPE), so is a file at its limit (EFBIG); and the deadline, and signals
 * that end portctl, interrupt system calls and the client's blocking call (stop_begin). */
void flow_begin(int64_t deadline, portd_client *client);

/* Whether SIGPIPE would have ended portctl before flow_begin: it is neither ignored nor blocked. */
bool flow_dies_by_signal(void);

/* Ends portctl by SIGPIPE if that would have ended it before flow_begin; else it returns. */
void flow_end_by_signal(void);

/* SIGPIPE does again what it did before flow_begin. */
void flow_end(void);

/* Finds out which of the two keep packets apart. `to` can be -1. */
void flow_set_packets(struct flow *flow);

/* Moves bytes until end of file, a failure or the deadline; never returns FLOW_DONE, unless `most` bytes have been moved.
 * After FLOW_LOOK it can be called again. */
enum flow_end flow_run(struct flow *flow);

/* Reads what is available, at most FLOW_CHUNK bytes, to `chunk`, an address of FLOW_ALIGNMENT; or a packet. FLOW_DONE, *bytes and *count, or
 * another end. Only a packet can have 0 bytes. flow->cut says how much of it is missing. */
enum flow_end flow_read(struct flow *flow, void *chunk, const void **bytes, size_t *count);

/* Writes all bytes: FLOW_DONE, FLOW_WRITE_ERROR, FLOW_LATE, FLOW_STOPPED or FLOW_REFUSED. Bytes that were not written are lost. */
enum flow_end flow_write(struct flow *flow, const void *bytes, size_t size);

/* Counts the last `size` bytes read as lost, unless `from` can be moved back (`returns`). Keeps errno. */
void flow_lose(struct flow *flow, size_t size);

/* Makes a `watch`, ends[0], that becomes readable once ends[1] is rung; until the program ends. False: it cannot, errno. */
bool flow_bell(portd_native ends[2]);
void flow_ring(portd_native end);

/* Runs a copy of the flow in a second thread. Its descriptors must stay open until it or the program ends. When it waits for `from` and the bell
 * `watch` is rung, it ends with FLOW_LOOK. Returns 0 and *done, or an errno. */
int flow_start(const struct flow *flow, portd_native *done);

/* Waits until that flow has ended: FLOW_DONE; or FLOW_LATE or FLOW_STOPPED. */
enum flow_end flow_await(portd_native done, int64_t deadline);

/* The same without regard to signals: *end is how it has ended, *flow has its counts. False: that has not been learnt, and *end is FLOW_READ_ERROR (EIO).
 * Closes `done`. */
bool flow_finish(portd_native done, int64_t deadline, enum flow_end *end, struct flow *flow);

#endif
