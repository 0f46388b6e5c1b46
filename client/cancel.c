/* cancel.c: ending requests without, or before, a reply of the broker. */
#include "cancel.h"

#include "client.h"
#include "submit.h"

void portd_cancel(portd_request *request) {
    if (!request || !request->callback || request->cancelled || request->ended)
        return;
    portd_client *client = request->client;
    if (process_is_child(&client->mark) || client->lost || client->closing)
        return;
    if (request->state == REQUEST_SENT && request_hands_over(request))
        return;
    request->cancelled = true;
    /* The reply to a parked request may be on its way, and that of a wake-one wait or a read must not be lost: the broker
     * decides which came first. Other requests are being carried out; only their callback ends early. */
    if (request->state == REQUEST_SENT && request_parks(request)) {
        if (submit_cancel(request) > 0)
            return;
        request->cancelled = !request_transfers(request);
        if (!request->cancelled)
            return;
    }
    request_end(request, PORTD_E_CANCELLED, 0);
}

void cancel_abandoned(portd_request *request) {
    request->callback = NULL;
    if (request->ended)
        request_unend(request);
    if (request->state == REQUEST_QUEUED)
        request_unqueue(request);
    if (request->state == REQUEST_DROPPED)
        request_forget(request);
    else if (request_parks(request) && !request->cancelled)
        (void)submit_cancel(request);
}

void cancel_overdue(portd_client *client) {
    struct table *table = &client->requests.table;
    int64_t next = PORTD_FOREVER;

    if (client->requests.due == PORTD_FOREVER || client_now(client) < client->requests.due)
        return;
    /* Cancelling may grow the table. Entries then move only to higher slots, so the walk misses none. */
    for (size_t i = 0; i < table->size; i++) {
        portd_request *request = table->slots[i];
        if (!request || request->due == PORTD_FOREVER || !request->callback || request->ended)
            continue;
        if (request->due > client_now(client)) {
            next = request->due < next ? request->due : next;
            continue;
        }
        if (request->state == REQUEST_SENT && !request->cancelled)
            (void)submit_cancel(request);
        request_end(request, request->cancelled ? PORTD_E_CANCELLED : 0, 0);
    }
    client->requests.due = next;
}
