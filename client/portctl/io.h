/* io.h: a port whose bytes are moved, by a copy of its descriptor or through the broker: for cat, write and relay. */
#ifndef IO_H
#define IO_H

#include "client/portctl/broker.h"
#include "client/portctl/flow.h"
#include "client/portctl/through.h"

struct io {
    const struct invocation *in;
    struct broker broker;
    portd_id port;
    portd_native copy; /* -1: through the broker */
    struct flow flow;  /* with the copy at one end of it and a standard stream at the other */
    struct through through;
};

extern const struct option_row io_options[]; /* --through-broker */

/* Opens the port that the verb is told, which must be of that direction (PORTD_DIRECTION_NONE: any), and asks for a
 * copy of its descriptor. Returns 0, or the exit code of an error that has been told. */
int io_open(struct io *io, const struct invocation *in, int direction);

void io_close(struct io *io);

/* 0 when it is an open port of that direction, else the exit code. */
int io_check(struct io *io, int direction);

/* Copies the port to standard output until its end: 0, or the exit code. */
int io_cat(struct io *io);

/* A giver for flows: the port gets the bytes through the broker. */
struct io_giver {
    portd_client *client;
    portd_id port;
    int code; /* why it was refused */
    struct through through;
};

/* What the flow moves goes to the giver's port. */
void io_give_to(struct flow *flow, struct io_giver *giver);

/* The exit code for the end of a flow: 0 for that of a file, else it has been told, with what was read and not
 * written. `from` and `to` are the names of its two ends. */
int io_tell(const struct io *io, const struct flow *flow, enum flow_end end, const char *from,
            const char *to);

#endif
