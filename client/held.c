/* held.c: listing what is held. */
#include "call.h"
#include "client.h"
#include "hold_name.h"
#include "submit.h"

static void held_read(portd_held *to, const Portd__V1__HoldItem *from) {
    *to = (portd_held){
        .size = sizeof(*to),
        .owner = from->owner,
        .name = from->name,
        .descriptor = from->descriptor,
        .type = from->type,
        .put_by = from->put_by,
        .put_pid = from->put_pid,
        .age_us = from->age_us,
        .ttl_us = from->ttl_us,
        .process_pid = from->process_pid,
        .copies = from->copies,
        .hang_up = from->hang_up != 0,
    };
    if (!from->spool)
        return;
    to->spool_bytes = from->spool->bytes;
    to->spool_when_full = (int)from->spool->when_full;
    to->spool_oldest = from->spool->oldest;
    to->spool_next = from->spool->next;
    to->spool_end = from->spool->end != 0;
}

static int read_holds(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                      struct channel_frame *frame, portd_result *result) {
    const Portd__V1__HoldsOf *page = reply->holds;
    size_t n = page->n_holds;

    (void)request;
    (void)frame;
    result->more = page->more;
    result->cursor = page->next;
    if (n == 0)
        return 1;
    const portd_held **places = client->extra =
        memory_get(&client->memory, n * (sizeof(*places) + sizeof(**places)));
    if (!places)
        return PORTD_E_MEMORY;
    portd_held *held = (portd_held *)(places + n);
    for (size_t i = 0; i < n; i++) {
        held_read(&held[i], page->holds[i]);
        places[i] = &held[i];
    }
    result->held = places;
    result->n_held = n;
    return 1;
}

int portd_list_holds_start(portd_client *client, const char *owner, uint64_t after, portd_callback *callback,
                           void *data, portd_request **request) {
    Portd__V1__Holds holds = PORTD__V1__HOLDS__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    holds.owner = hold_name_text(owner);
    holds.after = after;
    message.method_case = PORTD__V1__REQUEST__METHOD_HOLDS;
    message.holds = &holds;
    return submit_request(client, &message, OS_FD_NONE, read_holds, callback, data, request);
}

/* Requests page after page, as portd_list_objects. */
int portd_list_holds(portd_client *client, const char *owner, int64_t deadline, portd_list **list) {
    struct call call;
    portd_client *asked = call_begin_list(&call, client, list);
    uint64_t after;
    int r;

    do {
        after = call.result.cursor;
        r = portd_list_holds_start(asked, owner, after, call_done, &call, &call.request);
        r = call_run(&call, r, deadline);
    } while (r > 0 && call.result.more && call.result.cursor != after);
    return call_leave(&call, r);
}
