/* call.c: blocking calls. Everything else that the client has in flight goes on meanwhile. */
#include "call.h"

#include "client.h"
#include "list.h"

#include <string.h>

enum { PATIENCE_US = 2 * 1000 * 1000 }; /* with a broker that was asked to cancel */

int call_begin(struct call *call, portd_client *client) {
    int r = client_check(client);

    if (r < 0)
        return r;
    if (client->calling)
        return client_fail(client, PORTD_E_BUSY, 0, NULL, NULL);
    *call = (struct call){.client = client, .handle = -1};
    client_enter(client);
    return 0;
}

void call_done(portd_client *client, const portd_result *result, void *data) {
    struct call *call = data;

    call->done = true;
    call->code = result->code;
    call->flags = result->flags;
    call->id = result->id;
    call->handle = result->handle;
    call->more = result->more;
    call->cursor = result->cursor;
    call->lost = result->lost;
    if (call->ready && result->code > 0)
        memcpy(call->ready, result->ready, (size_t)result->code * sizeof(*call->ready));
    if (call->list && result->code > 0)
        call->code = list_take(call->list, result);
    if (call->keep && result->code >= 0)
        call->code = call->keep(call, result);
    if (call->code < 0 || (call->flags & PORTD_RESULT_UNSUPPORTED))
        failure_set(&client->failure, call->code, result->os_errno, result->field, result->message,
                    result->hint);
}

/* Cancels and waits for what the broker says. It does so at once: only if it is stuck, this side is not. */
static void call_cancel(struct call *call) {
    int64_t patience = os_now_us() + PATIENCE_US;
    struct wakeup *wakeup = &call->client->wakeup;
    unsigned seen = 0;
    bool raised = false;

    portd_cancel(call->request);
    while (!call->done && !(seen & STEP_LATE)) {
        seen = client_step(call->client, patience);
        if (seen & STEP_RAISED) {
            wakeup_take(wakeup);
            raised = true;
        }
    }
    if (raised)
        wakeup_raise(wakeup); /* for the next call */
}

/* The deadline has passed, or portd_wakeup. */
static void call_give_up(struct call *call, int code) {
    if (call->exact) {
        call_cancel(call);
        if (call->done && call->code != PORTD_E_CANCELLED) {
            if (code == PORTD_E_INTERRUPTED)
                wakeup_raise(&call->client->wakeup);
            return;
        }
        if (!call->done && request_moves(call->request))
            code = PORTD_E_UNCERTAIN;
    }
    if (!call->done)
        request_abandon(call->request);
    client_flush(call->client);
    call->code = client_fail(call->client, code, 0, NULL, NULL);
}

int call_end(struct call *call, int started, int64_t deadline) {
    portd_client *client = call->client;

    call->code = started;
    while (started > 0 && !call->done) {
        unsigned seen = client_step(client, deadline);
        if (call->done)
            break;
        if (seen & STEP_RAISED) {
            wakeup_take(&client->wakeup);
            call_give_up(call, PORTD_E_INTERRUPTED);
            break;
        }
        if (seen & STEP_LATE) {
            call_give_up(call, PORTD_E_TIMEOUT);
            break;
        }
    }
    client->flags = call->flags;
    return client_leave(client, call->code);
}

int call_begin_list(struct call *call, portd_client *client, portd_list **list) {
    if (!list)
        return client_fail(client, PORTD_E_INVALID, 0, "list", "there is no place for the list");
    *list = NULL;
    int r = call_begin(call, client);
    if (r < 0)
        return r;
    call->list = list_new(client);
    return call->list ? 0 : client_leave(client, client_fail(client, PORTD_E_MEMORY, 0, NULL, NULL));
}

int call_end_list(struct call *call, int r, portd_list **list) {
    if (r > 0) {
        *list = call->list;
        return r;
    }
    portd_list_free(call->list);
    return r;
}
