/* io.h: copying bytes from or to a port, by a copy of its descriptor or through the broker: for cat, write and relay. */
#ifndef IO_H
#define IO_H

#include "client/portctl/broker.h"
#include "client/portctl/flow.h"
#include "client/portctl/through.h"

struct io {
    const struct invocation *in;
    struct broker broker;
    portd_id port;
    portd_id descriptor; /* of the port */
    portd_id session;    /* of the port */
    bool translated;     /* the library changes its bytes: they go through the broker */
    portd_native copy;   /* -1: through the broker */
    int64_t joined;      /* when the broker was joined */
    struct flow flow;    /* from the copy to a standard stream, or the reverse */
    struct through through;
    char *(*settle)(
        struct io
            *io); /* NULL; or called once, before a failure is told: more to say about what is lost, or "" */
    char *rest;   /* what it has said, or NULL */
    int (*other)(struct io *io); /* tells the failure for which stop_after has stopped this */
};

extern const struct option_row io_options[]; /* --through-broker, --of */

/* Opens the port given on the command line, by its id or the name of what is held, which must have that direction (PORTD_DIRECTION_NONE: any), and gets a copy of
 * its descriptor. Returns 0, or the exit code of an error that has been printed. */
int io_open(struct io *io, const struct invocation *in, int direction);

/* The same for what is held under the name that the word stands for: makes a port of it, and no more. */
int io_open_hold(struct io *io, const char *word, int direction);

void io_close(struct io *io);

/* Copies the port to standard output until its end: 0, or the exit code. */
int io_cat(struct io *io);

/* A giver for flows: writes the bytes to the port through the broker. */
struct io_giver {
    portd_client *client;
    portd_id port;
    bool packets;  /* the port is a socket's that keeps packets apart: each write is one */
    int code;      /* why it was refused */
    char why[128]; /* its text; "": the client's last error */
    struct through through;
};

/* Makes the flow, whose flow_set_packets has been called, write to the giver's port. */
void io_give_to(struct flow *flow, struct io_giver *giver);

/* Whether the port is of a socket that keeps packets apart. False if that cannot be learnt. */
bool io_keeps_packets(const struct io *io);

/* The exit code for the end of a flow: 0 for end of file; else prints an error, and how many bytes were read and not
 * written, and what io->settle says. `from` and `to` are the names of the two ends. FLOW_STOPPED ends portctl by the signal, once it has said so. */
int io_tell(struct io *io, const struct flow *flow, enum flow_end end, const char *from, const char *to);

#endif
