/* admin.c: ping, list, show and status, ending a session, reading the configuration again, and replacing the broker. */
#include "call.h"
#include "client.h"
#include "list.h"
#include "submit.h"
#include "text.h"

#include "proto/container.h"

#include <string.h>

static void item_read(portd_item *to, const Portd__V1__Item *from) {
    *to = (portd_item){
        .size = sizeof(*to),
        .id = from->id,
        .kind = (int)from->kind,
        .number = from->number,
        .direction = (int)from->direction,
        .registered = from->registered,
        .cause = (int)from->cause,
        .descriptor = from->descriptor,
        .waiters = from->waiters,
        .type = from->type,
        .handle = from->handle,
        .uid = from->uid,
        .connections = from->connections,
        .objects = from->objects,
        .descriptors = from->descriptors,
        .owner_pid = from->owner_pid,
        .client = from->client,
        .age_us = from->age_us,
        .ttl_us = from->ttl_us,
        .name = from->name,
        .socket = from->socket,
        .session = from->session,
        .is_private = from->private_,
        .text = from->text,
        .hold_owner = from->hold ? from->hold->owner : "",
        .hold_name = from->hold ? from->hold->name : "",
    };
}

/* The replies to list and to show are the same message. */
static int read_items(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                      struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Items *page = reply->list;

    (void)request;
    (void)frame;
    result->more = page->more;
    result->cursor = page->next;
    if (page->n_items == 0)
        return 1;
    const portd_item **items = client->extra =
        memory_get(&client->memory, page->n_items * (sizeof(*items) + sizeof(**items)));
    if (!items)
        return PORTD_E_MEMORY;
    portd_item *each = (portd_item *)(items + page->n_items);
    for (size_t i = 0; i < page->n_items; i++) {
        item_read(&each[i], page->items[i]);
        items[i] = &each[i];
        if (each[i].text && text_note(client, each[i].id) < 0)
            return PORTD_E_MEMORY;
    }
    result->items = items;
    result->n_items = page->n_items;
    return 1;
}

static int read_status(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                       struct channel_frame *frame, portd_result *result) {
    Portd__V1__Item nothing;
    const Portd__V1__Status *from = reply->status;
    size_t size = sizeof(portd_status) + sizeof(portd_item) + from->n_quotas * sizeof(portd_quota);
    portd_status *to = client->extra = memory_get(&client->memory, size);

    (void)request;
    (void)frame;
    if (!to)
        return PORTD_E_MEMORY;
    portd_item *session = (portd_item *)(to + 1);
    portd_quota *quotas = (portd_quota *)(session + 1);
    *to = (portd_status){
        .size = sizeof(*to),
        .broker = from->broker,
        .protocol = from->version,
        .pid = from->pid,
        .uptime_us = from->uptime_us,
        .engine = from->engine,
        .identity = from->identity,
        .session = session,
        .sessions = from->sessions,
        .connections = from->connections,
        .descriptors = from->descriptors,
        .objects = from->objects,
        .waits = from->waits,
        .descriptors_limit = from->descriptors_limit,
        .descriptors_free = from->descriptors_free,
        .quotas = quotas,
        .n_quotas = from->n_quotas,
        .door_notify = from->door_notify,
    };
    portd__v1__item__init(&nothing);
    item_read(session, from->session ? from->session : &nothing);
    for (size_t i = 0; i < from->n_quotas; i++)
        quotas[i] = (portd_quota){from->quotas[i]->name, from->quotas[i]->used, from->quotas[i]->limit};
    result->status = to;
    return 1;
}

static int read_reloaded(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                         struct channel_frame *frame, portd_result *result) {
    (void)client;
    (void)request;
    (void)frame;
    result->notes = (const char *const *)reply->reload->notes;
    result->n_notes = reply->reload->n_notes;
    return 1;
}

static int read_upgraded(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                         struct channel_frame *frame, portd_result *result) {
    (void)client;
    (void)request;
    (void)frame;
    result->pid = reply->upgrade->pid;
    return 1;
}

/* ---- without blocking --------------------------------------------------------------------------------------------- */

int portd_ping_start(portd_client *client, portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Ping ping = PORTD__V1__PING__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    message.method_case = PORTD__V1__REQUEST__METHOD_PING;
    message.ping = &ping;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_list_start(portd_client *client, int kind, portd_id after, portd_callback *callback, void *data,
                     portd_request **request) {
    return portd_list_session_start(client, 0, kind, after, callback, data, request);
}

int portd_list_session_start(portd_client *client, portd_id session, int kind, portd_id after,
                             portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__List list = PORTD__V1__LIST__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    if (kind < PORTD_KIND_ANY || kind > PORTD_KIND_SESSION)
        return client_fail(client, PORTD_E_INVALID, 0, "kind", "invalid kind");
    list.kind = (Portd__V1__Kind)kind;
    list.after = after;
    list.session = session;
    message.method_case = PORTD__V1__REQUEST__METHOD_LIST;
    message.list = &list;
    return submit_request(client, &message, OS_FD_NONE, read_items, callback, data, request);
}

int portd_show_start(portd_client *client, const portd_id *ids, size_t n, portd_callback *callback,
                     void *data, portd_request **request) {
    Portd__V1__Show show = PORTD__V1__SHOW__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    portd_id copy[FRAME_TARGETS_MAX];
    int r = client_check_ids(client, ids, n);

    if (r < 0)
        return r;
    memcpy(copy, ids, n * sizeof(*ids));
    show.ids = copy;
    show.n_ids = n;
    message.method_case = PORTD__V1__REQUEST__METHOD_SHOW;
    message.show = &show;
    return submit_request(client, &message, OS_FD_NONE, read_items, callback, data, request);
}

int portd_get_status_start(portd_client *client, portd_callback *callback, void *data,
                           portd_request **request) {
    Portd__V1__StatusOf status = PORTD__V1__STATUS_OF__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    message.method_case = PORTD__V1__REQUEST__METHOD_STATUS;
    message.status = &status;
    return submit_request(client, &message, OS_FD_NONE, read_status, callback, data, request);
}

int portd_end_session_start(portd_client *client, portd_id session, portd_callback *callback, void *data,
                            portd_request **request) {
    Portd__V1__EndSession end = PORTD__V1__END_SESSION__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    end.id = session;
    message.method_case = PORTD__V1__REQUEST__METHOD_END_SESSION;
    message.end_session = &end;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_reload_start(portd_client *client, portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Reload reload = PORTD__V1__RELOAD__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    message.method_case = PORTD__V1__REQUEST__METHOD_RELOAD;
    message.reload = &reload;
    return submit_request(client, &message, OS_FD_NONE, read_reloaded, callback, data, request);
}

int portd_upgrade_start(portd_client *client, portd_callback *callback, void *data, portd_request **request) {
    Portd__V1__Upgrade upgrade = PORTD__V1__UPGRADE__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;

    message.method_case = PORTD__V1__REQUEST__METHOD_UPGRADE;
    message.upgrade = &upgrade;
    return submit_request(client, &message, OS_FD_NONE, read_upgraded, callback, data, request);
}

/* ---- blocking ----------------------------------------------------------------------------------------------------- */

int portd_ping(portd_client *client, int64_t deadline) {
    struct call call;

    return call_end(&call, portd_ping_start(call_begin(&call, client), call_done, &call, &call.request),
                    deadline);
}

int portd_end_session(portd_client *client, portd_id session, int64_t deadline) {
    struct call call;

    return call_end(
        &call, portd_end_session_start(call_begin(&call, client), session, call_done, &call, &call.request),
        deadline);
}

/* Requests page after page until there are no more. */
int portd_list_session(portd_client *client, portd_id session, int kind, int64_t deadline,
                       portd_list **list) {
    struct call call;
    portd_client *asked = call_begin_list(&call, client, list);
    portd_id after;
    int r;

    do {
        after = call.result.cursor;
        r = portd_list_session_start(asked, session, kind, after, call_done, &call, &call.request);
        r = call_run(&call, r, deadline);
    } while (r > 0 && call.result.more && call.result.cursor != after);
    return call_leave(&call, r);
}

int portd_list_objects(portd_client *client, int kind, int64_t deadline, portd_list **list) {
    return portd_list_session(client, 0, kind, deadline, list);
}

/* Requests the remaining ids until the pages have shown all of them. */
int portd_show(portd_client *client, const portd_id *ids, size_t n, int64_t deadline, portd_list **list) {
    struct call call;
    portd_client *asked = call_begin_list(&call, client, list);
    size_t shown = 0, before;
    int r;

    do {
        before = shown;
        r = portd_show_start(asked, ids + shown, n - shown, call_done, &call, &call.request);
        r = call_run(&call, r, deadline);
        shown = portd_list_count(call.list);
    } while (r > 0 && call.result.more && shown > before && shown < n);
    return call_leave(&call, r);
}

int portd_get_status(portd_client *client, int64_t deadline, portd_list **list) {
    struct call call;
    portd_client *asked = call_begin_list(&call, client, list);

    return call_end(&call, portd_get_status_start(asked, call_done, &call, &call.request), deadline);
}

int portd_reload(portd_client *client, int64_t deadline, portd_list **list) {
    struct call call;
    portd_client *asked = call_begin_list(&call, client, list);

    return call_end(&call, portd_reload_start(asked, call_done, &call, &call.request), deadline);
}

/* A blocking call and where its result goes. */
struct upgrade_call {
    struct call call;
    uint32_t *pid;
};

static int keep_upgraded(struct call *call, const portd_result *result) {
    const struct upgrade_call *kept = CONTAINER_OF(call, struct upgrade_call, call);

    if (kept->pid)
        *kept->pid = result->pid;
    return result->code;
}

int portd_upgrade(portd_client *client, int64_t deadline, uint32_t *pid) {
    struct upgrade_call kept = {.pid = pid};
    portd_client *asked = call_begin(&kept.call, client);

    if (pid)
        *pid = 0;
    kept.call.keep = keep_upgraded;
    return call_end(&kept.call, portd_upgrade_start(asked, call_done, &kept.call, &kept.call.request),
                    deadline);
}
