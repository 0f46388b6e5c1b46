/* call.h: a blocking call is a request whose callback keeps the result in a struct on the caller's stack.
 *
 *     struct call call;
 *     return call_end(&call, portd_ping_start(call_begin(&call, client), call_done, &call, &call.request), deadline);
 *
 * call_begin gives the client to start with. If that may not be asked it gives NULL, with which nothing is started, and
 * call_end returns why. */
#ifndef CALL_H
#define CALL_H

#include "portd.h"

#include <stdbool.h>

struct call {
    portd_client *client; /* entered; NULL: nothing could be asked */
    portd_request *request;
    bool done;
    int code;
    portd_result result; /* of one that is done; what it points to is gone, unless it is kept: */
    portd_ready *ready;  /* wait: where the caller wants what is ready */
    portd_list *list;    /* of call_begin_list: what to add the items to */
    portd_list **place;
    bool
        exact; /* when it is given up it is cancelled, and what the broker says counts: read, write, wake-one */
    /* Takes what else it wants of a result whose code is not negative, and returns the code. NULL: nothing. */
    int (*keep)(struct call *call, const portd_result *result);
};

/* Enters the client and returns it; or returns NULL. */
portd_client *call_begin(struct call *call, portd_client *client);

/* The same for a call that fills a list. It is made here, and at the end of the call put into *list if the code is above 0, else
 * freed. */
portd_client *call_begin_list(struct call *call, portd_client *client, portd_list **list);

portd_callback call_done;

/* Runs until the request is answered; `started` is what its _start answered. Another one may be started and run then. */
int call_run(struct call *call, int started, int64_t deadline);

/* Ends the call, which returns r. */
int call_leave(struct call *call, int r);

/* Both. */
int call_end(struct call *call, int started, int64_t deadline);

#endif
