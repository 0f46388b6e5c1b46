/* visitor.h: a connection that speaks the protocol of other software, through a door of its own.
 *
 * It is read, charged, paused and ended as others are: only what its bytes mean is told by a struct dialect. Its messages have no ids, so one request is
 * served at a time, and the next is read when it is answered. Half a message has VISITOR_HALF_US to become whole. */
#ifndef VISITOR_H
#define VISITOR_H

#include "connection.h"

enum { VISITOR_HALF_US = 10000000 };

struct channel_frame;
struct frame_layout;
struct Portd__V1__Reply;

struct dialect {
    const char *client; /* the name of its sessions */
    const struct frame_layout *layout;
    size_t longest; /* body of a request */
    /* As dispatch_frame; closes none of the frame's descriptors. */
    void (*frame)(struct connection *connection, struct channel_frame *frame);
    /* The one byte that answers what the broker's own protocol would answer so. */
    uint8_t (*answer)(const struct Portd__V1__Reply *reply);
};

struct visitor {
    const struct dialect *dialect;
    struct connection *connection;
    struct loop_timer half; /* set while there is half a message */
    uint64_t half_at;       /* where it begins: channel.offset */
    bool has_half;
    void (*end)(struct connection *connection, const char *reason);
};

/* The connection, which has received nothing, speaks that dialect. end: connection_end. 0 or -ENOMEM. */
int visitor_make(struct connection *connection, const struct dialect *dialect,
                 void (*end)(struct connection *connection, const char *reason));
void visitor_free(struct connection *connection); /* nothing if it is none */

/* After it was read: whether half a message is left over. Nothing if it is none. */
void visitor_look(struct connection *connection);

/* How many requests in flight stop the reading. */
static inline unsigned connection_window(const struct connection *connection) {
    return connection->visitor ? 1 : CONNECTION_WINDOW;
}

#endif
