/* pending_close.c: the in-flight request and the descriptor whose close it waits for.
 *
 * All connections of a uid can wait for one descriptor. When it is closed their requests are answered one by one, in turns of the uid:
 * each has the others that are still to be answered, and passes them on to the next.
 *
 * Requests that release something must succeed, so they are charged even beyond the limits: the connection's window bounds them. */
#include "pending_close.h"

#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/extras.h"
#include "inflight.h"
#include "proto/container.h"
#include "session.h"

#include <stddef.h>
#include <stdlib.h>

struct pending_close {
    struct inflight inflight;
    struct descriptor_close close;
    struct descriptor *descriptor; /* NULL: none, or told */
    struct task task;              /* answers it */
    struct ring others;            /* to be answered after it (extras.h) */
    Portd__V1__Reply__ResultCase result;
    struct charge charge;
};

static void pending_close_free(struct pending_close *pending) {
    charge_deinit(&pending->charge);
    free(pending);
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

static void emit(struct inflight *inflight) {
    struct pending_close *pending = CONTAINER_OF(inflight, struct pending_close, inflight);
    answer(inflight->connection, inflight->request, pending->result);
    pending_close_free(pending);
}

/* The connection has ended. */
static void orphan(struct inflight *inflight) {
    struct pending_close *pending = CONTAINER_OF(inflight, struct pending_close, inflight);
    if (ring_has(&pending->close.node))
        extras_forget_close(&pending->close);
    turn_forget(&pending->task);
    extras_tell_closes(&pending->others);
    pending_close_free(pending);
}

static void step(struct task *task) {
    struct pending_close *pending = CONTAINER_OF(task, struct pending_close, task);
    extras_tell_closes(&pending->others);
    inflight_ready(&pending->inflight);
}

static void on_told(struct descriptor_close *close, struct ring *others) {
    struct pending_close *pending = CONTAINER_OF(close, struct pending_close, close);
    pending->descriptor = NULL;
    if (!pending->inflight.request) { /* pending_close_answer answers it */
        extras_tell_closes(others);
        return;
    }
    ring_move_all(&pending->others, others);
    turn_queue(&pending->inflight.connection->user->lane, &pending->task);
}

struct pending_close *pending_close_new(struct call *call, struct descriptor *descriptor,
                                        Portd__V1__Reply__ResultCase result) {
    struct pending_close *pending = calloc(1, sizeof *pending);
    if (!pending || table_reserve(&call->connection->by_request) || (descriptor && !extras_get(descriptor))) {
        free(pending);
        refusal_memory(&call->refusal);
        return NULL;
    }
    charge_return(&pending->charge, &call->session->session_objects.account, sizeof *pending);
    pending->result = result;
    pending->descriptor = descriptor;
    pending->close.done = on_told;
    pending->task.step = step;
    ring_init(&pending->others);
    if (descriptor)
        extras_await_close(descriptor->extras, &pending->close);
    return pending;
}

int pending_close_answer(struct call *call, struct pending_close *pending) {
    struct descriptor *descriptor = pending->descriptor;
    if (descriptor && (descriptor_is_closing(descriptor) || descriptor_is_passing(descriptor))) {
        pending->inflight = (struct inflight){.windowed = true, .emit = emit, .orphan = orphan};
        inflight_add(call->connection, &pending->inflight, call->request->id);
        return 0;
    }
    if (descriptor)
        extras_forget_close(&pending->close);
    answer(call->connection, call->request->id, pending->result);
    pending_close_free(pending);
    return 0;
}
