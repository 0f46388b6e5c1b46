/* through.h: copying bytes from or to a port through a pipe by portd_port_splice.
 *
 * The pipe is portctl's, except where bytes go to one already: then the broker splices them straight into that. For an input port the broker splices bytes into it while portctl splices them out; for an output port
 * portctl fills it before the request. So bytes are not copied, and the reply says how many were moved, so none are lost.
 */
#ifndef THROUGH_H
#define THROUGH_H

#include "client/portctl/flow.h"

struct through {
    portd_client *client;
    portd_id port;
    portd_native ends[2];   /* of the pipe; -1: none */
    size_t most;            /* of a request to read; so much can be in the pipe, if that does not hold less */
    portd_request *request; /* in flight; the struct must stay until the client is disconnected */
    uint64_t moved;         /* bytes moved by the broker */
    int code, os_errno;     /* of the last reply */
    char *why, *hint;       /* if it failed, else NULL */
};

/* The pipe has room for `size` bytes, FLOW_CHUNK at least. False: the broker does not support splice, or the pipe cannot be made. */
bool through_open(struct through *through, portd_client *client, portd_id port, size_t size);

/* Called after the client is disconnected. A zeroed struct is allowed. */
void through_close(struct through *through);

/* Whether this output port supports splice. */
bool through_writes(struct through *through);

/* Moves bytes from the input port to flow->to until end of file: FLOW_FILE_END; FLOW_REFUSED (see code); or another end.
 * flow->lost counts bytes taken from the port and not written. */
enum flow_end through_read(struct through *through, struct flow *flow);

/* Moves all bytes in the pipe, which is flow->to, to the output port: FLOW_DONE, FLOW_REFUSED or FLOW_STOPPED. */
enum flow_end through_write(struct through *through, struct flow *flow);

#endif
