/* call.h: a blocking call is a request whose callback stores the result in a struct on the caller's stack.
 *
 *     struct call call;
 *     return call_end(&call, portd_ping_start(call_begin(&call, client), call_done, &call, &call.request), deadline);
 *
 * call_begin returns the client to pass to _start, or NULL when no request may be started: then _start fails, and
 * call_end returns the code of call_begin's failure. */
#ifndef CALL_H
#define CALL_H

#include "portd.h"

#include <stdbool.h>

struct call {
    portd_client *client; /* entered; NULL: call_begin failed, and code says why */
    portd_request *request;
    bool done;
    int code;
    portd_result
        result; /* valid when done; its pointers are not: what they point to is copied by these members */
    portd_ready *ready; /* wait: array of the caller for what is ready */
    portd_list *list;   /* of call_begin_list: receives the items */
    portd_list **place; /* where call_leave stores the list */
    /* Read, write, wake-one: at the deadline or a wakeup the request is cancelled, and its final reply is the result. */
    bool exact;
    /* Copies what else the caller wants from a result whose code is not negative; returns the code. NULL: nothing. */
    int (*keep)(struct call *call, const portd_result *result);
};

/* Enters the client and returns it; or returns NULL with call->code set. */
portd_client *call_begin(struct call *call, portd_client *client);

/* The same for a call that returns a list. The list is made here; call_leave stores it in *list if the code is above 0,
 * else frees it. */
portd_client *call_begin_list(struct call *call, portd_client *client, portd_list **list);

portd_callback call_done;

/* Runs rounds until the request is answered, the deadline passes or portd_wakeup. `started` is what its _start returned.
 * Returns the code. Another request may then be started and run in the same call. */
int call_run(struct call *call, int started, int64_t deadline);

/* Leaves the client, and returns r; the code of call_begin if that failed. */
int call_leave(struct call *call, int r);

/* call_run, then call_leave. */
int call_end(struct call *call, int started, int64_t deadline);

#endif
