/* tail.h: what came from a held descriptor with a spool, read while other things go on.
 *
 * One request is in flight at most, and the next one begins where the bytes of the last one, which have been used by then, end: so that also says that their room in the spool may be used
 * again. */
#ifndef TAIL_H
#define TAIL_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TAIL_MAX = 65536 };

struct tail {
    const char *owner, *name; /* the caller's */
    bool acknowledges;        /* what was read makes room in a spool that stops */
    bool is_there; /* false: it has no spool, or none any more, and the descriptor itself is to be read */
    portd_id descriptor;
    uint64_t from;
    uint64_t lost; /* bytes that were not kept */
    bool asking;   /* a request is in flight */
    bool hung; /* nobody has the other end open, or the broker has no room for the request: ask again later */
    bool probing;
    unsigned
        quiet; /* probes in a row that were answered so: nothing was being taken, and nothing of what had come was unread ... */
    uint64_t quiet_from; /* ... with the same `from` */
    size_t count;        /* of `bytes`; the caller sets it to 0 before the next request */
    char bytes[TAIL_MAX];
};

/* Finds out whether it has a spool: `is_there`. 1 or PORTD_E_*. */
int tail_open(struct tail *tail, portd_client *client);

/* Asks for more, unless a request is in flight or there are bytes. The client calls back; one that is disconnected does so, too. */
void tail_ask(struct tail *tail, portd_client *client);

/* Asks whether all that had come has been read: `quiet`.
 *
 * A terminal looks empty while somebody reads from it, although more is on its way through the kernel. So what is seen between two probes counts: when both were answered with the same
 * position, the broker took nothing meanwhile. */
void tail_probe(struct tail *tail, portd_client *client);

#endif
