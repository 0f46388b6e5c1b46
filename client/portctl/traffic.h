/* traffic.h: what goes between the terminal that portctl is run on, and a program. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "client/portctl/claim.h"
#include "client/portctl/tail.h"

enum traffic_end {
    TRAFFIC_ENDED = 1, /* the program has, and all its output is copied */
    TRAFFIC_DETACHED,
    TRAFFIC_TAKEN, /* by another claim */
    TRAFFIC_SIGNAL,
    TRAFFIC_HANG_UP, /* standard input is a terminal that has gone */
    TRAFFIC_FAILED   /* error */
};

struct traffic {
    const struct terminal_wish *wish;
    struct claim *claim;
    struct tail *tail; /* of its output */
    int bell;          /* of screen_open */
    int signal;
    int error;              /* an errno */
    size_t unsent, unshown; /* bytes that were read and not written: to the program, from it */
};

/* Returns when there is no more to do. */
enum traffic_end traffic_run(struct traffic *traffic);

#endif
