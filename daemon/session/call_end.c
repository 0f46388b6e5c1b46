/* call_end.c: end_session. */
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/object/cause.h"
#include "dispatch.h"
#include "inflight.h"
#include "proto/container.h"
#include "session.h"
#include "target.h"

#include <inttypes.h>
#include <stdlib.h>

/* An in-flight end_session. */
struct ending {
    struct inflight inflight; /* connection NULL: it has ended, no reply */
    struct session_wait wait;
    struct charge charge; /* charged to the requesting session */
};

static void ending_free(struct ending *ending) {
    charge_deinit(&ending->charge);
    free(ending);
}

static void answer_end(struct connection *connection, uint64_t request) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    reply.id = request;
    reply.result_case = PORTD__V1__REPLY__RESULT_END_SESSION;
    reply.end_session = &done;
    connection_reply(connection, &reply);
}

static void emit_end(struct inflight *inflight) {
    answer_end(inflight->connection, inflight->request);
    ending_free((struct ending *)inflight);
}

/* The connection has ended. */
static void orphan_end(struct inflight *inflight) {
    session_forget(&((struct ending *)inflight)->wait);
    ending_free((struct ending *)inflight);
}

static void on_ended(struct session_wait *wait) {
    inflight_ready(&CONTAINER_OF(wait, struct ending, wait)->inflight);
}

int call_end_session(struct call *call) {
    struct ending *ending;
    uint64_t id = call->request->end_session->id;
    struct session *session = id ? session_find(call->connection->all, id) : call->session;
    if (!session && target_object(call, id))
        return target_refuse(call, "id", id);
    if (!session || !call_reaches(call, session->uid))
        return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "id", "list shows the sessions of this user",
                           "no session %" PRIu64 " that this user may end", id);
    if (session->holding)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "id", "drop what is held",
                           "session %" PRIu64 " is the broker's own for what it holds", id);
    ending = calloc(1, sizeof *ending);
    if (!ending || table_reserve(&call->connection->by_request)) {
        free(ending);
        return refusal_memory(&call->refusal);
    }
    charge_return(&ending->charge, &call->session->session_objects.account, sizeof *ending);
    ending->inflight = (struct inflight){.windowed = true, .emit = emit_end, .orphan = orphan_end};
    ending->wait.done = on_ended;
    inflight_add(call->connection, &ending->inflight, call->request->id);
    session_await(session, &ending->wait);
    session_end(session, CAUSE_EXPIRED);
    return 0;
}
