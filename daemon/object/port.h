/* port.h: the ports made from a descriptor. A wrap is one call that made one or two of them, with a reference of its own to the
 * copy; a number can be wrapped several times.
 *
 * A port is a waitable like an event: it can be waited for (input: readable, output: writable), ends once (closed), and stays, ready,
 * until its id is released. Reads and writes queue up on it (transfer.h). */
#ifndef PORT_H
#define PORT_H

#include "inspect.h"
#include "waitable.h"

enum { PORT_NAME_MAX = 255 };

struct binding;
struct descriptor;
struct refusal;
struct transfer;

struct port;

struct wrap {
    struct wrap *prev, *next; /* the descriptor's */
    struct port *ports[2];    /* open ones, by direction */
    bool socket;              /* made by the socket call */
    bool regular;
};

struct port {
    struct waitable waitable;
    struct wrap *wrap;      /* while open */
    struct transfer *queue; /* oldest first */
    bool socket;            /* its wrap's, also when closed */
    char name[];
};

struct port_options {
    const char *name;
    bool ends[2]; /* which ports, by direction */
    bool socket, regular;
};

/* Checks what a wrap claims of its descriptor. 0, or -1 and the refusal. */
int port_check(os_fd fd, enum inspect_type type, const struct port_options *options, struct refusal *refusal);

/* Wraps it: ports[direction] is made or NULL. 0, or -1 and the refusal. */
int port_open(struct binding *binding, const struct port_options *options, struct port *ports[2],
              struct refusal *refusal);

/* Closes it; the last one of a wrap ends the number's semaphores. The descriptor is updated. */
void port_close(struct port *port);

/* Hook (hooks.h), from waitable_end: nothing of what is queued is tried any more, and the wrap goes with its last port. */
void port_ended(struct port *port, struct descriptor *descriptor);

#endif
