/* through.h: the bytes of a port by way of a pipe, which the broker splices them into or out of: portd_port_splice.
 *
 * The pipe is portctl's. While the broker moves bytes into it portctl takes them out; what it is to take out of it lies in it before it is
 * asked. So nothing is copied on the way, and nothing is lost: what was moved is told with the answer.
 */
#ifndef THROUGH_H
#define THROUGH_H

#include "client/portctl/flow.h"

struct through {
    portd_client *client;
    portd_id port;
    portd_native ends[2];   /* of the pipe; -1: none */
    portd_request *request; /* in flight; the struct must stay until the client is disconnected */
    uint64_t moved;         /* by the broker */
    int code, os_errno;     /* of the last answer */
    char *why, *hint;       /* of one that failed; NULL */
};

/* False: the broker does not splice, or there is no such pipe. */
bool through_open(struct through *through, portd_client *client, portd_id port);

/* After the client is disconnected. Nothing happens to one that is not open but of zeros. */
void through_close(struct through *through);

/* Whether the port, an output port, can be written so. */
bool through_writes(struct through *through);

/* Moves all that comes from the port, an input port, to flow->to: FLOW_FILE_END; FLOW_REFUSED, code tells; or another end. flow->lost is what
 * was taken from the port and not written. */
enum flow_end through_read(struct through *through, struct flow *flow);

/* All that lies in the pipe, which is flow->to, goes to the port: FLOW_DONE or FLOW_REFUSED. */
enum flow_end through_write(struct through *through, struct flow *flow);

#endif
