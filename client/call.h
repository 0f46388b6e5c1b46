/* call.h: a blocking call is a request whose callback fills a struct on the caller's stack.
 *
 *     struct call call;
 *     int r = call_begin(&call, client);
 *     if (r < 0)
 *         return r;
 *     return call_end(&call, portd_ping_start(client, call_done, &call, &call.request), deadline);
 */
#ifndef CALL_H
#define CALL_H

#include "portd.h"

#include <stdbool.h>

struct call {
    portd_client *client;
    portd_request *request;
    bool done;
    int code;
    unsigned flags;
    portd_id id;
    portd_native handle;
    portd_ready *ready; /* wait: where the caller wants what is ready */
    portd_list *list;   /* list, show, status: what to add the items to */
    bool more;
    uint64_t cursor, lost;
    bool
        exact; /* when it is given up it is cancelled, and what the broker says counts: read, write, wake-one */
    /* Takes what else it wants of a result whose code is not negative, and returns the code. NULL: nothing. */
    int (*keep)(struct call *call, const portd_result *result);
};

/* 0: the client may be asked and is entered. */
int call_begin(struct call *call, portd_client *client);

portd_callback call_done;

/* The same for a call that fills a list, which is made here; and its end, which frees it again unless r is above 0. */
int call_begin_list(struct call *call, portd_client *client, portd_list **list);
int call_end_list(struct call *call, int r, portd_list **list);

/* Runs until the request is answered; `started` is what its _start answered. Leaves the client. */
int call_end(struct call *call, int started, int64_t deadline);

#endif
