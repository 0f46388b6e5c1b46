/* call_handle.c: pollable handles. That of an event of a guarded descriptor begins to follow it by way of its sentry, and the request is in
 * flight until then, and charged to the session.
 *
 * To make it follow an epoll descriptor takes a lock of the kernel that is one for the whole system, and that another user can keep. So
 * that is a worker's job, of which nothing else waits (nesting.h); and the request is refused when it takes too long. */
#include "daemon/access/charge.h"
#include "daemon/access/limit.h"
#include "daemon/object/guard.h"
#include "daemon/object/handle.h"
#include "daemon/object/notice.h"
#include "daemon/object/pollable.h"
#include "dispatch.h"
#include "nesting.h"
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

/* A handle that a sentry or a worker is putting a descriptor into. */
struct following {
    struct parked parked; /* connection NULL: nobody is answered */
    struct sentry_job job;
    struct nesting nesting; /* of a worker instead */
    bool nested;            /* so, and not done yet */
    struct sessions *all;
    struct descriptor *descriptor; /* it has the sentry's job; NULL: the worker's is with a copy */
    struct handle *handle;         /* on the user's account alone, since its session may end meanwhile */
    struct charge charge;
    uint64_t id, session; /* of the object, and of the session that asked */
    os_fd target;
    unsigned interest;
    int error;
};

_Static_assert((int)POLLABLE_EVENTFD == (int)PORTD__V1__HANDLE_OF__FORM__FORM_EVENTFD &&
                   (int)POLLABLE_EPOLL == (int)PORTD__V1__HANDLE_OF__FORM__FORM_EPOLL &&
                   (int)POLLABLE_PIPE == (int)PORTD__V1__HANDLE_OF__FORM__FORM_PIPE &&
                   (int)POLLABLE_HINT == (int)PORTD__V1__HANDLE_OF__FORM__FORM_HINT,
               "forms are those of the wire");

static void answer(struct connection *connection, uint64_t request, const struct indicator *indicator,
                   const struct handle *handle) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__HandleOf form = PORTD__V1__HANDLE_OF__INIT;
    form.form = (Portd__V1__HandleOf__Form)(indicator_is_semaphore(indicator) ? pollable_semaphore_form()
                                                                              : pollable_evt_form());
    reply.id = request;
    reply.result_case = PORTD__V1__REPLY__RESULT_HANDLE;
    reply.handle = &form;
    if (connection_reply_fd(connection, &reply, handle->fd))
        notice_passed(indicator);
}

/* 0, or -1 and the refusal. What cannot be watched is ready for ever, which is no failure. */
static int check_follow(int error, struct refusal *refusal) {
    if (error == 0 || error == -EPERM)
        return 0;
    if (error == -EBUSY)
        return nesting_refuse(refusal);
    if (error == -ELOOP)
        return refusal_set(refusal, REFUSAL_UNSUPPORTED, "id", "wait for the event instead",
                           "the epoll descriptor is nested too deeply for a handle");
    return refusal_system(refusal, -error, "cannot make a handle");
}

static struct following *following_of(struct nesting *nesting) {
    return CONTAINER_OF(nesting, struct following, nesting);
}

static void following_free(struct following *following) {
    charge_deinit(&following->charge);
    free(following);
}

static void work(struct sentry_job *job, struct engine *engine) {
    struct following *following = CONTAINER_OF(job, struct following, job);
    (void)engine;
    following->error = pollable_evt_follow(following->handle->fd, following->target, following->interest);
}

/* 0, or -1 and the refusal. The id may have been given back since. */
static int check_answer(const struct following *following, const struct indicator *indicator,
                        const struct handle *handle, struct refusal *refusal) {
    if (handle)
        return passing_check(following->parked.connection, refusal);
    if (indicator && check_follow(following->error, refusal))
        return -1;
    return refusal_set(refusal, REFUSAL_NOT_FOUND, "id", NULL, "%" PRIu64 " was released meanwhile",
                       following->id);
}

/* Answers and frees. */
static void emit(struct parked *parked) {
    struct following *following = CONTAINER_OF(parked, struct following, parked);
    const struct session *session = session_find(following->all, following->session);
    const struct indicator *indicator =
        (const struct indicator *)registry_find(following->all->registry, following->id);
    const struct handle *handle =
        indicator && session ? indicator_handle(indicator, &session->belongings) : NULL;
    struct refusal refusal;
    if (following->nested) { /* for too long */
        (void)nesting_refuse(&refusal);
        connection_refuse(parked->connection, parked->request, &refusal);
        parked->connection = NULL;
        return;
    }
    if (check_answer(following, indicator, handle, &refusal))
        connection_refuse(parked->connection, parked->request, &refusal);
    else
        answer(parked->connection, parked->request, indicator, handle);
    following_free(following);
}

/* The object has the handle from now on, unless it has one already, or is gone. */
static void settle(struct following *following) {
    struct indicator *indicator = (struct indicator *)registry_find(following->all->registry, following->id);
    struct session *session = session_find(following->all, following->session);
    struct refusal refusal;
    struct belongings *asker = session ? &session->belongings : NULL;
    bool taken = indicator && asker && !indicator_handle(indicator, asker) &&
                 !check_follow(following->error, &refusal);
    int error = taken ? indicator_set_handle(indicator, asker, following->handle, following->error) : 0;
    if (taken && !error)
        handle_join(following->handle, asker);
    else
        handle_free(following->handle);
    if (error)
        following->error = error;
    following->handle = NULL;
}

static void followed(struct following *following) {
    settle(following);
    if (following->descriptor)
        descriptor_end_job(following->descriptor);
    if (!following->parked.connection)
        following_free(following);
    else if (!following->parked.ready)
        parked_ready(&following->parked);
}

static void on_followed(struct sentry_job *job) { followed(CONTAINER_OF(job, struct following, job)); }

static void on_nested(struct nesting *nesting) {
    struct following *following = following_of(nesting);
    following->error = nesting->error;
    following->nested = false;
    followed(following);
}

static void on_late(struct nesting *nesting) {
    struct following *following = following_of(nesting);
    if (following->parked.connection && !following->parked.ready)
        parked_ready(&following->parked);
}

static void on_dropped(struct sentry_job *job) {
    struct following *following = CONTAINER_OF(job, struct following, job);
    handle_abandon(following->handle);
    following_free(following);
}

static void on_nesting_dropped(struct nesting *nesting) {
    struct following *following = following_of(nesting);
    handle_abandon(following->handle);
    following_free(following);
}

/* The connection has ended. The sentry may still have the descriptor in its hands. */
static void cancel(struct parked *parked) {
    struct following *following = CONTAINER_OF(parked, struct following, parked);
    parked->connection = NULL;
    if (parked->ready && !following->nested)
        following_free(following);
}

/* By a worker or by the sentry. 0, or -1 and the refusal. */
static int follow(struct call *call, struct following *following, struct descriptor *descriptor) {
    struct registry *registry = following->all->registry;
    if (!extras_guard(descriptor->extras)->polled) {
        following->descriptor = descriptor;
        descriptor_begin_job(descriptor);
        sentry_submit(extras_guard(descriptor->extras)->sentry, &following->job);
        return 0;
    }
    following->nested = true;
    return nesting_start(&following->nesting, registry, call->connection->user, call->connection->identity,
                         following->handle->fd, descriptor->fd, following->interest, &call->refusal);
}

static int start(struct call *call, struct indicator *indicator, struct handle *handle, unsigned interest) {
    struct following *following;
    struct descriptor *descriptor = indicator_source(indicator);
    struct charge charge;
    if (charge_request(&charge, &call->session->belongings.account, sizeof *following, &call->refusal)) {
        handle_free(handle);
        return -1;
    }
    following = calloc(1, sizeof *following);
    if (!following || table_reserve(&call->connection->by_request)) {
        free(following);
        handle_free(handle);
        charge_deinit(&charge);
        return refusal_memory(&call->refusal);
    }
    handle_leave(handle); /* the session may end before the sentry has answered */
    *following =
        (struct following){.parked = {.windowed = true, .emit = emit, .cancel = cancel},
                           .job = {.work = work, .done = on_followed, .drop = on_dropped},
                           .nesting = {.done = on_nested, .late = on_late, .drop = on_nesting_dropped},
                           .all = call->connection->all,
                           .session = call->session->id,
                           .handle = handle,
                           .id = indicator->object.id,
                           .target = descriptor->fd,
                           .interest = interest};
    charge_move(&following->charge, &charge);
    if (follow(call, following, descriptor)) {
        handle_free(handle);
        following_free(following);
        return -1;
    }
    parked_add(call->connection, &following->parked, call->request->id);
    return 0;
}

/* Whether it has to be put into its handle by a worker. */
static bool is_nested(const struct indicator *indicator) {
    const struct descriptor *descriptor = indicator_source(indicator);
    return !indicator_is_semaphore(indicator) && descriptor && extras_guard(descriptor->extras) &&
           extras_guard(descriptor->extras)->polled;
}

int call_handle(struct call *call) {
    struct indicator *indicator = target_find(call, call->request->handle->id);
    const struct descriptor *descriptor = indicator ? indicator_source(indicator) : NULL;
    struct belongings *asker = &call->session->belongings;
    struct handle *handle = indicator ? indicator_handle(indicator, asker) : NULL;
    int error = -EPERM;
    if (!indicator)
        return target_refuse(call, "id", call->request->handle->id);
    /* Beside the handle itself: for a client that does not read, a copy waits in its channel. */
    if (!limit_may_keep(call->connection->user, 3, 3))
        return holders_refuse_table(call->connection->user, &call->refusal);
    if (passing_check(call->connection, &call->refusal))
        return -1;
    if (!handle) {
        unsigned interest = indicator->direction == DIRECTION_READ ? ENGINE_READ : ENGINE_WRITE;
        bool semaphore = indicator_is_semaphore(indicator);
        if (is_nested(indicator) &&
            (nesting_check(call->connection->user, &call->refusal) || target_check_workers(call)))
            return -1;
        handle = indicator_new_handle(indicator, asker, &call->refusal);
        if (!handle)
            return -1;
        if (!semaphore && descriptor && extras_guard(descriptor->extras))
            return start(call, indicator, handle, interest);
        if (!semaphore && descriptor && !descriptor->unwatched)
            error = pollable_evt_follow(handle->fd, descriptor->fd, interest);
        if (!check_follow(error, &call->refusal))
            error = indicator_set_handle(indicator, asker, handle, error);
        if (check_follow(error, &call->refusal)) {
            handle_free(handle);
            return -1;
        }
    }
    answer(call->connection, call->request->id, indicator, handle);
    return 0;
}
