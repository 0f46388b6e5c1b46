/* monitor.c: notices of the broker, a page at a time. The broker enforces the deadline, as for a wait. */
#include "call.h"
#include "client.h"
#include "submit.h"

static void notice_read(portd_notice *to, const Portd__V1__Notice *from) {
    *to = (portd_notice){
        .size = sizeof(*to),
        .seq = from->seq,
        .time_us = from->time_us,
        .event = (int)from->event,
        .session = from->session,
        .uid = from->uid,
        .id = from->id,
        .kind = (int)from->kind,
        .number = from->number,
        .direction = (int)from->direction,
        .cause = (int)from->cause,
        .descriptor = from->descriptor,
        .type = from->type,
        .connection = from->connection,
        .pid = from->pid,
        .code = -(int)from->code,
        .method = from->method,
    };
}

static int read_notices(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                        struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Notices *page = reply->monitor;
    size_t n = page->n_notices;

    (void)request;
    (void)frame;
    result->cursor = page->cursor;
    result->lost = page->lost;
    if (n == 0)
        return 0;
    const portd_notice **places = client->extra =
        memory_get(&client->memory, n * (sizeof(*places) + sizeof(**places)));
    if (!places)
        return PORTD_E_MEMORY;
    portd_notice *notices = (portd_notice *)(places + n);
    for (size_t i = 0; i < n; i++) {
        notice_read(&notices[i], page->notices[i]);
        places[i] = &notices[i];
    }
    result->notices = places;
    result->n_notices = n;
    return (int)n;
}

int portd_monitor_start(portd_client *client, portd_id session, uint64_t cursor, int64_t deadline,
                        portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Monitor monitor = PORTD__V1__MONITOR__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (cursor != PORTD_CURSOR_NOW) {
        monitor.start_case = PORTD__V1__MONITOR__START_AFTER;
        monitor.after = cursor;
    }
    monitor.session = session;
    if (deadline != PORTD_FOREVER)
        monitor.limit_case = PORTD__V1__MONITOR__LIMIT_LIMIT_US;
    message.method_case = PORTD__V1__REQUEST__METHOD_MONITOR;
    message.monitor = &monitor;
    return submit_parked(client, &message, &monitor.limit_us, cursor, deadline, read_notices, callback, data,
                         request);
}

int portd_monitor(portd_client *client, portd_id session, uint64_t *cursor, int64_t deadline,
                  portd_list **list, uint64_t *lost) {
    struct call call;

    if (list)
        *list = NULL;
    if (lost)
        *lost = 0;
    if (!cursor)
        return client_fail(client, PORTD_E_INVALID, 0, "cursor", "cursor must not be NULL");
    portd_client *asked = call_begin_list(&call, client, list);
    int r = portd_monitor_start(asked, session, *cursor, deadline, call_done, &call, &call.request);
    r = call_run(&call, r, PORTD_FOREVER);
    if (r >= 0) {
        *cursor = call.result.cursor;
        if (lost)
            *lost = call.result.lost;
    }
    return call_leave(&call, r);
}
