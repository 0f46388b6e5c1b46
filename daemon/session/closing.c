/* closing.c: the request that is parked, and the descriptor that it waits for.
 *
 * What gives something back gets through, so it is charged even beyond the limits: the window of its connection bounds it. */
#include "closing.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/extras.h"
#include "parked.h"
#include "proto/container.h"
#include "session.h"

#include <stddef.h>
#include <stdlib.h>

struct closing {
    struct parked parked;
    struct descriptor_close close;
    struct descriptor *descriptor; /* NULL: none, or closed */
    Portd__V1__Reply__ResultCase result;
    struct charge charge;
};

static void closing_free(struct closing *closing) {
    charge_deinit(&closing->charge);
    free(closing);
}

static void answer(struct connection *connection, uint64_t request, Portd__V1__Reply__ResultCase result) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Object none = PORTD__V1__OBJECT__INIT;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    reply.id = request;
    reply.result_case = result;
    if (result == PORTD__V1__REPLY__RESULT_REMOVE || result == PORTD__V1__REPLY__RESULT_CLOSE)
        reply.remove = &done;
    else
        reply.fd_to_evt = &none;
    connection_reply(connection, &reply);
}

static void emit(struct parked *parked) {
    struct closing *closing = CONTAINER_OF(parked, struct closing, parked);
    answer(parked->connection, parked->request, closing->result);
    closing_free(closing);
}

/* Nobody is left to be answered; the record goes when the close is over, if that is still to come. */
static void cancel(struct parked *parked) {
    struct closing *closing = CONTAINER_OF(parked, struct closing, parked);
    parked->connection = NULL;
    if (!closing->descriptor)
        closing_free(closing);
}

static void on_closed(struct descriptor_close *close) {
    struct closing *closing = CONTAINER_OF(close, struct closing, close);
    closing->descriptor = NULL;
    if (closing->parked.request && closing->parked.connection)
        parked_ready(&closing->parked);
    else if (closing->parked.request)
        closing_free(closing);
}

struct closing *closing_new(struct call *call, struct descriptor *descriptor,
                            Portd__V1__Reply__ResultCase result) {
    struct closing *closing = calloc(1, sizeof *closing);
    if (!closing || table_reserve(&call->connection->by_request) || (descriptor && !extras_get(descriptor))) {
        free(closing);
        refusal_memory(&call->refusal);
        return NULL;
    }
    charge_return(&closing->charge, &call->session->belongings.account, sizeof *closing);
    closing->result = result;
    closing->descriptor = descriptor;
    closing->close.done = on_closed;
    if (descriptor)
        extras_await_close(descriptor->extras, &closing->close);
    return closing;
}

int closing_settle(struct call *call, struct closing *closing) {
    struct descriptor *descriptor = closing->descriptor;
    if (descriptor && (descriptor_is_closing(descriptor) || descriptor_is_passing(descriptor))) {
        closing->parked = (struct parked){.windowed = true, .emit = emit, .cancel = cancel};
        parked_add(call->connection, &closing->parked, call->request->id);
        return 0;
    }
    if (descriptor)
        extras_forget_close(descriptor->extras, &closing->close);
    answer(call->connection, call->request->id, closing->result);
    closing_free(closing);
    return 0;
}
