/* call_wait.c: wait, cancel and goodbye. */
#include "again.h"
#include "call.h"
#include "connection.h"
#include "daemon/access/account.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/base/metrics.h"
#include "daemon/object/notice_object.h"
#include "daemon/object/session_objects.h"
#include "daemon/object/wait.h"
#include "daemon/object/waitable.h"
#include "dispatch.h"
#include "features.h"
#include "inflight.h"
#include "proto/container.h"
#include "proto/frame.h"
#include "session.h"
#include "target.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

/* An in-flight wait; struct wait_request and its targets follow it in memory. */
struct waiting {
    struct inflight inflight;
    size_t bytes; /* charged */
    struct wait_request *wait;
};

static void answer(struct connection *connection, uint64_t request, const struct wait_request *wait) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__WaitResult result = PORTD__V1__WAIT_RESULT__INIT;
    Portd__V1__Ready ready[FRAME_TARGETS_MAX];
    Portd__V1__Ready *places[FRAME_TARGETS_MAX];
    for (size_t i = 0; wait->ready && i < wait->n; i++) {
        if (!wait->targets[i].cause)
            continue;
        places[result.n_ready] = &ready[result.n_ready];
        portd__v1__ready__init(&ready[result.n_ready]);
        ready[result.n_ready].id = wait->targets[i].id;
        ready[result.n_ready++].cause = (Portd__V1__Cause)wait->targets[i].cause;
    }
    result.ready = places;
    reply.id = request;
    reply.result_case = PORTD__V1__REPLY__RESULT_WAIT;
    reply.wait = &result;
    if (wait->one && wait->ready) {
        connection->answered_one = true;
        connection->last_one = request;
        connection->keeps = false;
    }
    connection_reply(connection, &reply);
}

/* Once it is done, its session may end before the reply is sent; until then it is charged to the user only. */
static void uncharge(const struct waiting *waiting, bool done) {
    struct account *account = done ? NULL : &waiting->wait->owner->account;
    charge_give_request(done ? waiting->inflight.connection->user : account->user, account, waiting->bytes);
}

/* It took a readiness, and is not answered yet. */
static void count_held(const struct waiting *waiting, int by) {
    if (waiting->wait->one && waiting->wait->ready)
        waiting->inflight.connection->held_ones += (unsigned)by;
}

static void emit(struct inflight *inflight) {
    struct waiting *waiting = CONTAINER_OF(inflight, struct waiting, inflight);
    count_held(waiting, -1);
    uncharge(waiting, true);
    answer(inflight->connection, inflight->request, waiting->wait);
    free(waiting);
}

static void orphan(struct inflight *inflight) {
    struct waiting *waiting = CONTAINER_OF(inflight, struct waiting, inflight);
    bool done = inflight->ready;
    if (done && waiting->wait->one && waiting->wait->ready) /* an answer that nobody receives */
        inflight->connection->keeps = false;
    if (done) {
        count_held(waiting, -1);
    } else {
        wait_leave(waiting->wait);
        metrics_add(METRIC_WAITS_ABANDONED, 1);
    }
    uncharge(waiting, done);
    free(waiting);
}

/* Only called if it is not ready. */
static void cancel(struct inflight *inflight) {
    struct waiting *waiting = CONTAINER_OF(inflight, struct waiting, inflight);
    struct connection *connection = inflight->connection;
    uint64_t request = inflight->request;
    struct refusal refusal;
    inflight_remove(inflight);
    wait_leave(waiting->wait);
    uncharge(waiting, false);
    free(waiting);
    metrics_add(METRIC_WAITS_CANCELLED, 1);
    refusal_set(&refusal, REFUSAL_CANCELLED, NULL, NULL, "cancelled");
    connection_refuse(connection, request, &refusal);
}

static bool again(struct inflight *inflight, struct again *to) {
    const struct waiting *waiting = CONTAINER_OF(inflight, struct waiting, inflight);
    const struct wait_request *wait = waiting->wait;
    Portd__V1__Request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Wait message = PORTD__V1__WAIT__INIT;
    uint64_t ids[FRAME_TARGETS_MAX];
    int64_t left = wait->last ? 0 : loop_timer_left(&wait->timer);
    if (!to)
        return true;
    for (size_t i = 0; i < wait->n; i++)
        ids[i] = wait->targets[i].id;
    message.ids = ids;
    message.n_ids = wait->n;
    message.all = wait->all;
    message.one = wait->one;
    if (left >= 0) {
        message.limit_case = PORTD__V1__WAIT__LIMIT_LIMIT_US;
        message.limit_us = (uint64_t)left;
    }
    request.id = inflight->request;
    request.method_case = PORTD__V1__REQUEST__METHOD_WAIT;
    request.wait = &message;
    again_add(to, &request, OS_FD_NONE);
    return true;
}

/* Writes notices of the targets that woke it. Fired semaphores and ended objects have written theirs already. */
static void note_ready(const struct wait_request *wait) {
    for (size_t i = 0; wait->ready && i < wait->n; i++) {
        const struct wait_target *target = &wait->targets[i];
        if (target->of && !target->of->ended && target->cause)
            notice_object_ready(target->of, target->cause);
    }
}

static void on_done(struct wait_request *wait) {
    struct waiting *waiting = (struct waiting *)((char *)wait - sizeof(struct waiting));
    charge_leave_request(&wait->owner->account, waiting->bytes);
    if (wait->one && wait->ready) /* also if the connection ends before the reply is sent */
        waiting->inflight.connection->answered_one = true;
    metrics_add(wait->ready ? METRIC_WAITS_WOKEN : METRIC_WAITS_LATE, 1);
    note_ready(wait);
    count_held(waiting, 1);
    inflight_ready(&waiting->inflight);
}

/* Charged and allocated. NULL: the refusal. */
static struct waiting *waiting_new(struct call *call, const Portd__V1__Wait *message) {
    struct session_objects *session_objects = &call->session->session_objects;
    struct account *account = &session_objects->account;
    size_t bytes = sizeof(struct waiting) + wait_size(message->n_ids);
    struct waiting *waiting;
    if (charge_take_request(account, bytes, &call->refusal))
        return NULL;
    waiting = table_reserve(&call->connection->by_request) ? NULL : malloc(bytes);
    if (!waiting) {
        charge_give_request(account->user, account, bytes);
        refusal_memory(&call->refusal);
        return NULL;
    }
    waiting->inflight = (struct inflight){.emit = emit, .orphan = orphan, .cancel = cancel, .again = again};
    waiting->bytes = bytes;
    waiting->wait = wait_init(waiting + 1, session_objects, message->n_ids);
    waiting->wait->done = on_done;
    waiting->wait->all =
        message->all && message->n_ids > 1; /* all of one is any of it, and has its turn among these */
    waiting->wait->one = message->one;
    waiting->wait->connection = call->connection->serial;
    waiting->wait->left = &call->connection->dead;
    return waiting;
}

static int find_target(struct call *call, uint64_t id, struct wait_target *target) {
    target->id = id;
    target->of = target_find(call, id);
    return target->of ? target_check_tells(call, target->of, "ids") : target_refuse(call, "ids", id);
}

int call_wait(struct call *call) {
    const Portd__V1__Wait *message = call->request->wait;
    bool limited = message->limit_case == PORTD__V1__WAIT__LIMIT_LIMIT_US;
    int64_t limit = !limited                            ? -1
                    : message->limit_us > INT64_MAX / 2 ? INT64_MAX / 2
                                                        : (int64_t)message->limit_us;
    struct waiting *waiting;
    int result = 0;
    if (message->n_ids < 1 || message->n_ids > FRAME_TARGETS_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "ids", NULL, "expected 1 to 256 ids, got %zu",
                           message->n_ids);
    if (message->one && !features_wakes_one())
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "one", "wait without it",
                           "this system does not tell of each activity");
    waiting = waiting_new(call, message);
    if (!waiting)
        return -1;
    for (size_t i = 0; i < message->n_ids && !result; i++)
        result = find_target(call, message->ids[i], &waiting->wait->targets[i]);
    if (!result)
        result = wait_begin(waiting->wait, limit, &call->refusal);
    if (result == 0) {
        inflight_add(call->connection, &waiting->inflight, call->request->id);
        return 0;
    }
    uncharge(waiting, false);
    if (result > 0) {
        metrics_add(METRIC_WAITS_AT_ONCE, 1);
        answer(call->connection, call->request->id, waiting->wait);
    }
    loop_timer_free(&waiting->wait->timer);
    free(waiting);
    return result > 0 ? 0 : -1;
}

int call_cancel(struct call *call) {
    Portd__V1__Cancelled cancelled = PORTD__V1__CANCELLED__INIT;
    struct inflight *inflight = inflight_find(call->connection, call->request->cancel->request);
    if (inflight && !inflight->ready && inflight->cancel) {
        inflight->cancel(inflight);
        cancelled.found = true;
    }
    return call_answer(call, PORTD__V1__REPLY__RESULT_CANCEL, &cancelled);
}

int call_goodbye(struct call *call) {
    Portd__V1__Kept kept = PORTD__V1__KEPT__INIT;
    struct connection *connection = call->connection;
    connection->keeps = connection->answered_one && !connection->held_ones &&
                        connection->last_one == call->request->goodbye->wait;
    kept.kept = connection->keeps;
    return call_answer(call, PORTD__V1__REPLY__RESULT_GOODBYE, &kept);
}
