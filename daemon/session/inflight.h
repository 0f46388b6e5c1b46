/* inflight.h: requests in flight: those that are answered later, and those whose answer waits until the client has read what came before. */
#ifndef INFLIGHT_H
#define INFLIGHT_H

#include "daemon/base/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* A request that is answered later. Embedded in what the method remembers of it. */
struct inflight {
    uint64_t request;              /* key of connection->in flight */
    struct connection *connection; /* NULL once that has ended */
    struct inflight *prev, *next;  /* all of the connection, or those of `held` */
    uint8_t method;                /* its number */
    bool windowed;                 /* counts against the window */
    bool ready;                    /* in `held`: answered but for the room */
    void (*emit)(
        struct inflight
            *inflight); /* replies and frees; taken out before. Called when there is room for the reply */
    void (*cancel)(struct inflight *inflight); /* answers it, now or when a worker returns. NULL: cannot be */
    void (*go_on)(struct inflight *inflight);  /* if `starved`: there is room now */
    struct ring starved;                       /* in its connection's, while it waits for room */
    void (*orphan)(
        struct inflight *inflight); /* the connection has ended: frees, now or later; taken out before */
};

/* Whether a long reply may be made now. If not, go_on of that request is called when it may. */
bool inflight_has_room(struct connection *connection, struct inflight *inflight);

/* Whether a request of that id is in flight. */
struct inflight *inflight_find(const struct connection *connection, uint64_t request);

/* The request stays unanswered for now. 0 or -ENOMEM. inflight_remove before it is answered otherwise than by
 * inflight_ready. */
int inflight_add(struct connection *connection, struct inflight *inflight, uint64_t request);
void inflight_remove(struct inflight *inflight);

/* It can be answered: emit is called now or when the client has read what waits for it. */
void inflight_ready(struct inflight *inflight);

/* The client has read: answers that waited for room go out, and what was `starved` goes on, as much as the turn allows. False: there is
 * more to do. */
bool inflight_go_on(struct connection *connection);

/* Whether that would do anything. */
bool inflight_may_go_on(const struct connection *connection);

/* The connection has ended: they are cancelled, as many as the turn allows. True: all of them. */
bool inflight_give_up(struct connection *connection);

#endif
