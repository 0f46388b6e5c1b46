/* held.c: listing and showing what is held. */
#include "call.h"
#include "client.h"
#include "hold_name.h"
#include "look.h"
#include "submit.h"

enum { SHOW_MOST = 16 };

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
        .gets = from->gets,
        .got_us = from->got_us,
    };
    if (!from->spool)
        return;
    to->spool_bytes = from->spool->bytes;
    to->spool_when_full = (int)from->spool->when_full;
    to->spool_oldest = from->spool->oldest;
    to->spool_next = from->spool->next;
    to->spool_end = from->spool->end != 0;
}

/* A place that any object may begin at. */
static size_t rounded(size_t size) { return (size + 7) / 8 * 8; }

static int read_page(portd_client *client, const Portd__V1__HoldsOf *page, portd_result *result) {
    size_t n = page->n_holds, places_size = rounded(n * sizeof(portd_held *)),
           size = places_size + rounded(n * sizeof(portd_held));
    char *memory, *at;

    result->more = page->more;
    result->cursor = page->next;
    if (n == 0)
        return 1;
    for (size_t i = 0; i < n; i++)
        size += look_room(page->holds[i]);
    memory = client->extra = memory_get(&client->memory, size);
    if (!memory)
        return PORTD_E_MEMORY;
    const portd_held **places = (const portd_held **)(void *)memory;
    portd_held *held = (portd_held *)(void *)(memory + places_size);
    at = memory + places_size + rounded(n * sizeof(portd_held));
    for (size_t i = 0; i < n; i++) {
        held_read(&held[i], page->holds[i]);
        held[i].look = look_read(at, page->holds[i]);
        at += look_room(page->holds[i]);
        places[i] = &held[i];
    }
    result->held = places;
    result->n_held = n;
    return 1;
}

static int read_holds(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                      struct channel_frame *frame, portd_result *result) {
    (void)request;
    (void)frame;
    return read_page(client, reply->holds, result);
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

/* ---- show --------------------------------------------------------------------------------------------------------- */

/* More than were asked for, or none, is no answer. */
static int read_shown(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                      struct channel_frame *frame, portd_result *result) {
    size_t n = reply->show_hold->n_holds;

    (void)frame;
    if (n == 0 || n > request->n_ids || (n < request->n_ids && !reply->show_hold->more))
        return PORTD_E_GARBLED;
    return read_page(client, reply->show_hold, result);
}

int portd_show_holds_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                           portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__ShowHold show = PORTD__V1__SHOW_HOLD__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    portd_request *started;
    int r = 0;

    if (!names)
        return client_fail(client, PORTD_E_INVALID, 0, "names", "names must not be NULL");
    if (n == 0 || n > SHOW_MOST)
        return client_fail(client, PORTD_E_INVALID, 0, "n", "expected 1 to 16 names");
    for (size_t i = 0; i < n && r == 0; i++)
        r = hold_name_check(client, "names", names[i]);
    if (r < 0)
        return r;
    show.owner = hold_name_text(owner);
    show.names = (char **)(uintptr_t)names; /* packing only reads them */
    show.n_names = n;
    message.method_case = PORTD__V1__REQUEST__METHOD_SHOW_HOLD;
    message.show_hold = &show;
    r = submit_request(client, &message, OS_FD_NONE, read_shown, callback, data, &started);
    if (r < 0)
        return r;
    started->n_ids = n;
    if (request)
        *request = started;
    return r;
}

int portd_show_holds(portd_client *client, const char *owner, const char *const *names, size_t n,
                     int64_t deadline, portd_list **list) {
    struct call call;
    portd_client *asked = call_begin_list(&call, client, list);
    size_t done = 0, most;
    int r;

    do {
        most = n - done < SHOW_MOST ? n - done : SHOW_MOST;
        r = portd_show_holds_start(asked, owner, names ? names + done : NULL, most, call_done, &call,
                                   &call.request);
        r = call_run(&call, r, deadline);
        done += call.result.n_held;
    } while (r > 0 && done < n);
    return call_leave(&call, r);
}
