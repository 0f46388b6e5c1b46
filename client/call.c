/* call.c: blocking calls. The client's other in-flight requests proceed while one blocks. */
#include "call.h"

#include "cancel.h"
#include "client.h"
#include "list.h"
#include "round.h"

#include <string.h>

enum { CANCEL_LIMIT_US = 2 * 1000 * 1000 }; /* how long to wait for the reply to a cancelled request */

portd_client *call_begin(struct call *call, portd_client *client) {
    call->client = NULL;
    call->request = NULL;
    call->result.cursor = 0;
    call->ready = NULL;
    call->list = NULL;
    call->exact = false;
    call->keep = NULL;
    if (!client) {
        call->code = PORTD_E_INVALID;
    } else if (client->calling) {
        call->code = client_check(client);
        if (call->code == 0)
            call->code = client_fail(client, PORTD_E_BUSY, 0, NULL, NULL);
    } else {
        call->client = client;
        client_enter(client);
    }
    return call->client;
}

void call_done(portd_client *client, const portd_result *result, void *data) {
    struct call *call = data;

    call->done = true;
    call->result = *result;
    call->code = result->code;
    if (call->ready && result->code > 0)
        memcpy(call->ready, result->ready, (size_t)result->code * sizeof(*call->ready));
    if (call->list && result->code > 0)
        call->code = list_take(call->list, result);
    if (call->keep && result->code >= 0)
        call->code = call->keep(call, result);
    if (call->code < 0 || (result->flags & PORTD_RESULT_UNSUPPORTED))
        failure_set(&client->failure, call->code, result->os_errno, result->field, result->message,
                    result->hint);
}

/* Cancels the request and waits for its final reply. The broker replies to a cancel at once; the limit is for one that
 * hangs. A wakeup that comes meanwhile is kept for the next call. */
static void call_cancel(struct call *call) {
    int64_t deadline = os_now_us() + CANCEL_LIMIT_US;
    struct wakeup *wakeup = &call->client->wakeup;
    unsigned seen = 0;
    bool raised = false;

    portd_cancel(call->request);
    while (!call->done && !call->client->lost && !(seen & STEP_LATE)) {
        seen = round_step(call->client, deadline);
        if (seen & STEP_RAISED) {
            wakeup_take(wakeup);
            raised = true;
        }
    }
    if (raised)
        wakeup_raise(wakeup);
}

/* Ends a call with PORTD_E_TIMEOUT or PORTD_E_INTERRUPTED, unless its result arrives while it is cancelled. */
static void call_give_up(struct call *call, int code) {
    if (call->exact) {
        call_cancel(call);
        if (!call->done && call->client->lost)
            return;
        if (call->done && call->code != PORTD_E_CANCELLED) {
            if (code == PORTD_E_INTERRUPTED)
                wakeup_raise(&call->client->wakeup);
            return;
        }
        if (!call->done && request_moves(call->request))
            code = PORTD_E_UNCERTAIN;
    }
    if (!call->done)
        cancel_abandoned(call->request);
    client_flush(call->client);
    call->code = client_fail(call->client, code, 0, NULL, NULL);
}

int call_run(struct call *call, int started, int64_t deadline) {
    portd_client *client = call->client;

    if (!client)
        return call->code;
    call->done = false;
    call->code = started;
    while (started > 0 && !call->done && !client->lost) {
        unsigned seen = round_step(client, deadline);
        if (call->done || client->lost)
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
    if (started > 0 && !call->done && client->lost) /* only in a child that a callback forked */
        call->code = client_fail_lost(client);
    client->flags = call->done ? call->result.flags : 0;
    return call->code;
}

int call_leave(struct call *call, int r) {
    if (!call->client)
        return call->code;
    if (call->list && r > 0)
        *call->place = call->list;
    else
        portd_list_free(call->list);
    return client_leave(call->client, r);
}

int call_end(struct call *call, int started, int64_t deadline) {
    return call_leave(call, call_run(call, started, deadline));
}

portd_client *call_begin_list(struct call *call, portd_client *client, portd_list **list) {
    if (list)
        *list = NULL;
    if (!call_begin(call, list ? client : NULL)) {
        if (!list)
            call->code = client_fail(client, PORTD_E_INVALID, 0, "list", "list must not be NULL");
        return NULL;
    }
    call->place = list;
    call->list = list_new(client);
    if (!call->list) {
        call->code = client_leave(client, client_fail(client, PORTD_E_MEMORY, 0, NULL, NULL));
        call->client = NULL;
    }
    return call->client;
}
