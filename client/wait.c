/* wait.c: waiting for ids. The broker enforces the deadline; the library ends a wait that is not answered long after it
 * (cancel_overdue). */
#include "call.h"
#include "client.h"
#include "submit.h"

static int read_wait(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                     struct channel_frame *frame, portd_result *result) {
    const Portd__V1__WaitResult *wait = reply->wait;

    (void)frame;
    if (wait->n_ready > request->n_ids)
        return PORTD_E_GARBLED;
    for (size_t i = 0; i < wait->n_ready; i++) {
        int cause = (int)wait->ready[i]->cause;
        /* A cause of a later version of the protocol counts as ready. */
        if (cause <= PORTD_CAUSE_NONE || cause > PORTD_CAUSE_RESYNC)
            cause = PORTD_CAUSE_READY;
        client->ready[i] = (portd_ready){.id = wait->ready[i]->id, .cause = cause};
    }
    result->ready = client->ready;
    return (int)wait->n_ready;
}

int portd_wait_start(portd_client *client, const portd_id *ids, size_t n, unsigned flags, int64_t deadline,
                     portd_callback *callback, void *data, portd_request **request) {
    int r = client_check_ids(client, ids, n);

    if (r < 0)
        return r;
    if (flags & ~(unsigned)(PORTD_WAIT_ALL | PORTD_WAIT_ONE))
        return client_fail(client, PORTD_E_INVALID, 0, "flags", "invalid flags");
    return submit_wait(client, ids, n, flags, deadline, read_wait, callback, data, request);
}

int portd_wait(portd_client *client, const portd_id *ids, size_t n, unsigned flags, int64_t deadline,
               portd_ready *ready) {
    struct call call;

    if (!ready)
        return client_fail(client, PORTD_E_INVALID, 0, "ready", "ready must not be NULL");
    portd_client *asked = call_begin(&call, client);
    call.ready = ready;
    call.exact = (flags & PORTD_WAIT_ONE) != 0; /* the activity is reported to this wait alone */
    return call_end(&call, portd_wait_start(asked, ids, n, flags, deadline, call_done, &call, &call.request),
                    PORTD_FOREVER);
}
