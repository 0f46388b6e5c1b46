/* port.h: the ports made from a descriptor. A wrap is one call that made one or two of them; its open ports
 * keep the descriptor alive. A number can be wrapped several times.
 *
 * A port is a waitable like an event: a wait on an input port waits until it is readable, on an output port
 * until it is writable. It ends once, when it is closed, and then stays ready until its id is released. Its
 * reads and writes queue up on it (transfer.h). */
#ifndef PORT_H
#define PORT_H

#include "inspect.h"
#include "waitable.h"

enum { PORT_NAME_MAX = 255 };

struct binding;
struct descriptor;
struct refusal;
struct session_objects;
struct transfer;

struct port;

struct wrap {
    struct wrap *prev, *next; /* in extras->wraps */
    struct port *ports[2];    /* the open ones, by direction */
    bool socket;              /* made by the call for sockets */
    bool regular;
};

struct port {
    struct waitable waitable;
    struct wrap *wrap;      /* NULL once closed */
    struct transfer *queue; /* transfers, oldest first */
    bool socket;            /* a copy of wrap->socket, valid when closed too */
    bool text;              /* for listings */
    char name[];
};

struct port_options {
    const char *name;
    bool ends[2]; /* by direction: make this port */
    bool socket, regular, text;
};

/* Checks the claims of a wrap about its descriptor. Returns 0, or -1 with the refusal. */
int port_check(os_fd fd, enum inspect_type type, const struct port_options *options, struct refusal *refusal);

/* Wraps the descriptor: sets ports[direction] to a new port or NULL. Returns 0, or -1 with the refusal. */
int port_open(struct binding *binding, const struct port_options *options, struct port *ports[2],
              struct refusal *refusal);

/* Makes one port of an earlier broker again, whose id is registry->given. with: the other one of the same call, or NULL. NULL: the refusal. */
struct port *port_restore(struct binding *binding, const struct port_options *options, int direction,
                          const struct port *with, struct refusal *refusal);

/* The same of one that has ended, with that cause. */
struct port *port_restore_ended(struct session_objects *owner, const struct port_options *options,
                                int direction, int cause, struct refusal *refusal);

/* Closes the port and updates or drops its descriptor. Closing the last port of a wrap ends the number's
 * semaphores. Does nothing if the port is closed. */
void port_close(struct port *port);

/* Hook (hooks.h), called by waitable_end: none of the port's transfers is tried again. Frees the wrap with its
 * last port. */
void port_ended(struct port *port, struct descriptor *descriptor);

#endif
