/* passing.h: descriptors in answers that their client has not read yet.
 *
 * The kernel counts what is on its way for the user who has sent it, and from one without privileges it takes no more than his limit of open
 * files. So what a client leaves unread is charged to its uid, and a uid may have half of what others leave of that limit: whoever has
 * little on the way always finds room. What has been read is told by nobody but the socket's own queue, which is looked at when one more
 * would be much, and now and then.
 *
 * A connection that has ended while something is on the way to its client keeps its socket, shut down, until that is read or gone. */
#ifndef PASSING_H
#define PASSING_H

#include "daemon/base/ring.h"
#include "daemon/loop/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct refusal;
struct sessions;

/* Of one connection. */
struct passing {
    struct ring node;
    size_t n;         /* on the way at most; charged */
    uint64_t request; /* whose answer waits in the channel */
    bool over;        /* the connection has ended: it is closed with the last one */
};

/* Of all. */
struct passings {
    struct ring list; /* of those that have any, the one longest not looked at first */
    size_t n_connections;
    void (*over)(struct connection *connection); /* of one that has ended nothing is on its way any more */
    struct loop_timer timer;
    size_t n;
    int least;     /* memory of one message (socket.h) */
    unsigned vain; /* looks in a row that found nothing read */
};

/* 0 or -ENOMEM. */
int passings_init(struct sessions *sessions, void (*over)(struct connection *connection));
void passings_deinit(struct sessions *sessions); /* closes what is over */

/* Whether one more may be on the way. 0, or -1 and the refusal. */
int passing_check(struct connection *connection, struct refusal *refusal);

/* The channel has sent: what the kernel has taken since the last time is charged. */
void passing_count(struct connection *connection);

/* Why the kernel takes no more. Always -1. */
int passing_refuse(struct refusal *refusal);

/* The connection has ended. True: it must stay open, and connection_close is called later. */
bool passing_stays(struct connection *connection);

#endif
