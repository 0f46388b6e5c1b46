/* parked.h: requests in flight: those that are answered later, and those whose answer waits until the client has read what came before. */
#ifndef PARKED_H
#define PARKED_H

#include "daemon/base/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* A request that is answered later. Embedded in what the method remembers of it. */
struct parked {
    uint64_t request;              /* key of connection->parked */
    struct connection *connection; /* NULL once that has ended */
    struct parked *prev, *next;    /* all of the connection, or those of `held` */
    uint8_t method;                /* its number */
    bool windowed;                 /* counts against the window */
    bool ready;                    /* in `held`: answered but for the room */
    void (*emit)(
        struct parked
            *parked); /* replies and frees; unparked before. Called when there is room for the reply */
    void (*withdraw)(
        struct parked *parked); /* cancel: answers it, now or when a worker returns. NULL: cannot be */
    void (*go_on)(struct parked *parked); /* if `starved`: there is room now */
    struct ring starved;                  /* in its connection's, while it waits for room */
    void (*cancel)(
        struct parked *parked); /* the connection has ended: frees, now or later; unparked before */
};

/* Whether a long reply may be made now. If not, go_on of that request is called when it may. */
bool parked_has_room(struct connection *connection, struct parked *parked);

/* Whether a request of that id is in flight. */
struct parked *parked_find(const struct connection *connection, uint64_t request);

/* The request stays unanswered for now. 0 or -ENOMEM. parked_remove before it is answered otherwise than by
 * parked_ready. */
int parked_add(struct connection *connection, struct parked *parked, uint64_t request);
void parked_remove(struct parked *parked);

/* It can be answered: emit is called now or when the client has read what waits for it. */
void parked_ready(struct parked *parked);

/* The client has read: answers that waited for room go out, and what was `starved` goes on, as much as the turn allows. False: there is
 * more to do. */
bool parked_go_on(struct connection *connection);

/* Whether that would do anything. */
bool parked_may_go_on(const struct connection *connection);

/* The connection has ended: they are cancelled, as many as the turn allows. True: all of them. */
bool parked_give_up(struct connection *connection);

#endif
