/* call_handle.c: pollable handles. The handle of a semaphore is an eventfd and that of an event an epoll descriptor, which the client makes
 * and attaches: the kernel charges the eventfd to the maker's control group for as long as anybody keeps it, and whatever is added to the epoll
 * descriptor, by any holder, to the user who made it. The broker makes one itself for root and its own uid; for others only the eventfd, for clients that attach none,
 * while its control group is not full.
 *
 * A client can hold the lock of the epoll descriptor that it attached. And adding an epoll descriptor to any handle takes a lock
 * of the kernel that exists once per system, and that other users can hold. So a worker does both, in a job that delays nothing
 * else (nesting.h), and the request is refused if it takes too long. If the broker made the handle
 * and a poller thread watches the descriptor, that thread adds it. The request is in flight until then, and charged to the
 * session.
 *
 * On systems without epoll descriptors the handle of an event is a hint, which each request arms (hint.h). */
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/object/always_ready.h"
#include "daemon/object/descriptor.h"
#include "daemon/object/direction.h"
#include "daemon/object/extras.h"
#include "daemon/object/handle.h"
#include "daemon/object/hint.h"
#include "daemon/object/notice_object.h"
#include "daemon/object/pollable.h"
#include "daemon/object/registry.h"
#include "daemon/object/taker.h"
#include "daemon/object/thread_watch.h"
#include "daemon/object/waitable.h"
#include "dispatch.h"
#include "inflight.h"
#include "nesting.h"
#include "passing.h"
#include "proto/container.h"
#include "recording.h"
#include "session.h"
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

/* A handle to which a poller thread or a worker is adding a descriptor. */
struct following {
    struct inflight inflight; /* connection NULL: it has ended, no reply */
    struct poller_job job;
    struct nesting nesting; /* used instead of job if a worker does it */
    bool nested;            /* the worker has the job */
    struct sessions *all;
    struct descriptor
        *descriptor; /* has the job (descriptor_begin_job); NULL: the worker uses a copy, or no descriptor */
    struct handle *handle; /* charged to the user only, since its session may end meanwhile */
    struct charge charge;
    uint64_t id, session; /* of the object, and of the requesting session */
    os_fd target;
    unsigned interest;
    int error;
};

_Static_assert((int)POLLABLE_EVENTFD == (int)PORTD__V1__HANDLE_OF__FORM__FORM_EVENTFD &&
                   (int)POLLABLE_EPOLL == (int)PORTD__V1__HANDLE_OF__FORM__FORM_EPOLL &&
                   (int)POLLABLE_PIPE == (int)PORTD__V1__HANDLE_OF__FORM__FORM_PIPE &&
                   (int)POLLABLE_HINT == (int)PORTD__V1__HANDLE_OF__FORM__FORM_HINT &&
                   (int)POLLABLE_EVENT_OBJECT == (int)PORTD__V1__HANDLE_OF__FORM__FORM_EVENT_OBJECT,
               "the forms have the numbers of the schema");

static Portd__V1__HandleOf form_of(const struct waitable *waitable) {
    Portd__V1__HandleOf form = PORTD__V1__HANDLE_OF__INIT;
    form.form = (Portd__V1__HandleOf__Form)(waitable_is_semaphore(waitable) ? pollable_semaphore_form()
                                                                            : pollable_evt_form());
    return form;
}

static void answer(struct connection *connection, uint64_t request, const struct waitable *waitable,
                   const struct handle *handle) {
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__HandleOf form = form_of(waitable);
    reply.id = request;
    reply.result_case = PORTD__V1__REPLY__RESULT_HANDLE;
    reply.handle = &form;
    if (connection_reply_fd(connection, &reply, handle->fd))
        notice_object_passed(waitable);
}

/* 0, or -1 and the refusal. A descriptor that cannot be watched is always ready, which is no failure. */
static int check_follow(int error, struct refusal *refusal) {
    switch (error) {
    case 0:
    case -EPERM:
        return 0;
    case -EBUSY:
        return nesting_refuse(refusal);
    case -EDQUOT:
        return refusal_set(refusal, REFUSAL_LIMIT, NULL, "wait for the event instead, or try again", "%s",
                           refusal_full_group);
    case -ELOOP:
        return refusal_set(refusal, REFUSAL_UNSUPPORTED, "id", "wait for the event instead",
                           "the epoll descriptor contains its own handle, or is nested too deeply");
    case -EOPNOTSUPP:
        return refusal_set(
            refusal, REFUSAL_UNSUPPORTED, "id", "watch that file in the program alone",
            "the epoll descriptor watches a file of /proc, or one for EPOLLPRI that may be such "
            "a file: a poll by the broker would take its notification from the program");
    case -EEXIST:
    case -EINVAL:
        return refusal_set(
            refusal, REFUSAL_INVALID, NULL, "attach a new epoll descriptor for each handle",
            "the attached epoll descriptor is the one the event watches, is already a handle, or "
            "is in too many other epoll descriptors");
    case -ENOSPC:
        return refusal_set(refusal, REFUSAL_LIMIT, NULL,
                           "close epoll descriptors, or raise /proc/sys/fs/epoll/max_user_watches",
                           "the user who made the epoll descriptor has reached the kernel's limit of epoll "
                           "watches");
    default:
        return refusal_system(refusal, -error, "cannot make a handle");
    }
}

static struct following *following_of(struct nesting *nesting) {
    return CONTAINER_OF(nesting, struct following, nesting);
}

static void following_free(struct following *following) {
    charge_deinit(&following->charge);
    free(following);
}

static void work(struct poller_job *job, struct engine *engine) {
    struct following *following = CONTAINER_OF(job, struct following, job);
    (void)engine;
    following->error = taker_follow(following->handle->fd, following->target, following->interest, false);
}

/* 0, or -1 and the refusal. The id may have been released meanwhile. */
static int check_answer(const struct following *following, const struct waitable *waitable,
                        const struct handle *handle, struct refusal *refusal) {
    if (handle)
        return passing_check(following->inflight.connection, 1, refusal);
    if (waitable && check_follow(following->error, refusal))
        return -1;
    return refusal_set(refusal, REFUSAL_NOT_FOUND, "id", NULL, "%" PRIu64 " was released meanwhile",
                       following->id);
}

/* Replies and frees the record; but if the worker still has the job, refuses it as too late, and followed() frees. */
static void emit(struct inflight *inflight) {
    struct following *following = CONTAINER_OF(inflight, struct following, inflight);
    const struct session *session = session_find(following->all, following->session);
    const struct waitable *waitable =
        (const struct waitable *)registry_find(following->all->registry, following->id);
    const struct handle *handle =
        waitable && session ? waitable_handle(waitable, &session->session_objects) : NULL;
    struct refusal refusal;
    if (following->nested) {
        (void)nesting_refuse(&refusal);
        connection_refuse(inflight->connection, inflight->request, &refusal);
        inflight->connection = NULL;
        return;
    }
    if (check_answer(following, waitable, handle, &refusal))
        connection_refuse(inflight->connection, inflight->request, &refusal);
    else
        answer(inflight->connection, inflight->request, waitable, handle);
    following_free(following);
}

/* Gives the handle to the object, or frees it if the object already has one, or is gone. */
static void update(struct following *following) {
    struct waitable *waitable = (struct waitable *)registry_find(following->all->registry, following->id);
    struct session *session = session_find(following->all, following->session);
    struct refusal refusal;
    struct session_objects *asker = session ? &session->session_objects : NULL;
    bool taken =
        waitable && asker && !waitable_handle(waitable, asker) && !check_follow(following->error, &refusal);
    int error = taken ? waitable_set_handle(waitable, asker, following->handle, following->error) : 0;
    if (taken && !error)
        handle_join(following->handle, asker);
    else
        handle_free(following->handle);
    if (error)
        following->error = error;
    following->handle = NULL;
}

static void followed(struct following *following) {
    update(following);
    if (following->descriptor)
        descriptor_end_job(following->descriptor);
    if (!following->inflight.connection)
        following_free(following);
    else if (!following->inflight.ready)
        inflight_ready_in_turn(&following->inflight);
}

static void on_followed(struct poller_job *job) { followed(CONTAINER_OF(job, struct following, job)); }

static void on_nested(struct nesting *nesting) {
    struct following *following = following_of(nesting);
    following->error = nesting->error;
    following->nested = false;
    followed(following);
}

static void on_late(struct nesting *nesting) {
    struct following *following = following_of(nesting);
    if (following->inflight.connection && !following->inflight.ready)
        inflight_ready_in_turn(&following->inflight);
}

static void on_dropped(struct poller_job *job) {
    struct following *following = CONTAINER_OF(job, struct following, job);
    handle_abandon(following->handle);
    following_free(following);
}

static void on_nesting_dropped(struct nesting *nesting) {
    struct following *following = following_of(nesting);
    handle_abandon(following->handle);
    following_free(following);
}

/* The connection has ended. The poller thread or the worker may still be using the record. */
static void orphan(struct inflight *inflight) {
    struct following *following = CONTAINER_OF(inflight, struct following, inflight);
    inflight->connection = NULL;
    if (inflight->ready && !following->nested)
        following_free(following);
}

/* Who adds the descriptor to the handle, if not the loop. */
struct plan {
    bool worker;   /* else a poller thread */
    bool attached; /* the handle is the client's epoll descriptor, and still empty */
};

static bool is_polled(const struct descriptor *descriptor) {
    return descriptor && extras_thread_watch(descriptor->extras) &&
           extras_thread_watch(descriptor->extras)->polled;
}

/* 0, or -1 and the refusal. */
static int follow(struct call *call, struct following *following, struct descriptor *descriptor,
                  const struct plan *plan) {
    bool targeted = descriptor && !descriptor->unwatched, polled = is_polled(descriptor);
    struct handle *handle = following->handle;
    struct nesting_what what = {.handle = handle->fd,
                                .wakeup = plan->attached ? handle->wakeup : OS_FD_NONE,
                                .always = handle->always->fd,
                                .target = targeted ? descriptor->fd : OS_FD_NONE,
                                .interest = following->interest,
                                .counted = !limit_is_admin(call->connection->user),
                                .copied = targeted && polled};
    if (plan->worker && nesting_start(&following->nesting, following->all->env, call->connection->user,
                                      call->connection->identity, &what, &call->refusal))
        return -1;
    following->nested = plan->worker;
    if (targeted && !what.copied) {
        following->descriptor = descriptor;
        descriptor_begin_job(descriptor);
    }
    if (!plan->worker)
        poller_submit(extras_thread_watch(descriptor->extras)->poller, &following->job);
    return 0;
}

static int start(struct call *call, struct waitable *waitable, struct handle *handle,
                 const struct plan *plan) {
    struct descriptor *descriptor = waitable_source(waitable);
    struct following *following = call_remember(call, sizeof *following, offsetof(struct following, charge));
    if (!following) {
        handle_free(handle);
        return -1;
    }
    handle_leave(handle); /* the session may end before the job is done */
    following->inflight = (struct inflight){.windowed = true, .emit = emit, .orphan = orphan};
    following->job = (struct poller_job){.work = work, .done = on_followed, .drop = on_dropped};
    following->nesting = (struct nesting){.done = on_nested, .late = on_late, .drop = on_nesting_dropped};
    following->all = call->connection->all;
    following->session = call->session->id;
    following->handle = handle;
    following->id = waitable->object.id;
    following->target = descriptor ? descriptor->fd : OS_FD_NONE;
    following->interest = direction_interest(waitable->direction);
    if (follow(call, following, descriptor, plan)) {
        handle_free(handle);
        following_free(following);
        return -1;
    }
    inflight_add(call->connection, &following->inflight, call->request->id);
    return 0;
}

/* 0, or -1 and the refusal: the client has to make the handle. That of a semaphore the broker makes for everybody, as long as its control group has
 * room: the kernel charges it to that for as long as the client keeps it. */
static int check_maker(struct call *call, bool semaphore) {
    if (call->fd != OS_FD_NONE || limit_is_admin(call->connection->user))
        return 0;
    if (!semaphore)
        return refusal_set(&call->refusal, REFUSAL_MISMATCH, NULL,
                           "attach a new epoll descriptor to the request, or use a newer library",
                           "a handle of an event requires an attached epoll descriptor");
    if (!pollable_semaphore_is_full())
        return 0;
    return refusal_set(
        &call->refusal, REFUSAL_LIMIT, NULL,
        "attach a new eventfd (EFD_SEMAPHORE, EFD_NONBLOCK) to the request, or use a newer library", "%s",
        refusal_full_group);
}

/* For an event or a port whose handle is not a hint. 0: answered or in flight; -1 and the refusal. */
static int make_for_evt(struct call *call, struct waitable *waitable) {
    struct session_objects *asker = &call->session->session_objects;
    const struct descriptor *descriptor = waitable_source(waitable);
    const struct plan plan = {.worker = call->fd != OS_FD_NONE || is_polled(descriptor),
                              .attached = call->fd != OS_FD_NONE};
    struct handle *handle;
    int error = -EPERM;
    if (check_maker(call, false))
        return -1;
    if (plan.worker && (nesting_check(call->connection->user, &call->refusal) || target_check_workers(call)))
        return -1;
    handle = waitable_new_handle(waitable, asker, call->fd, &call->refusal);
    if (!handle)
        return -1;
    call_take(call);
    if (plan.worker || (descriptor && extras_thread_watch(descriptor->extras)))
        return start(call, waitable, handle, &plan);
    if (descriptor && !descriptor->unwatched)
        error = pollable_evt_follow(handle->fd, descriptor->fd,
                                    waitable->direction == DIRECTION_READ ? ENGINE_READ : ENGINE_WRITE);
    if (!check_follow(error, &call->refusal))
        error = waitable_set_handle(waitable, asker, handle, error);
    if (check_follow(error, &call->refusal)) {
        handle_free(handle);
        return -1;
    }
    answer(call->connection, call->request->id, waitable, handle);
    return 0;
}

/* For a semaphore; and a hint. */
static int make_plain(struct call *call, struct waitable *waitable) {
    struct session_objects *asker = &call->session->session_objects;
    struct handle *handle;
    int error;
    bool recorded = waitable_is_semaphore(waitable) && waitable->recorded && asker == waitable->object.owner;
    if (waitable_is_semaphore(waitable) && check_maker(call, true))
        return -1;
    if (recorded && recording_check(call->connection->all, &call->refusal))
        return -1;
    handle = waitable_new_handle(waitable, asker, call->fd, &call->refusal);
    if (!handle)
        return -1;
    call_take(call);
    error = waitable_set_handle(waitable, asker, handle, 0);
    if (error) {
        handle_free(handle);
        return refusal_system(&call->refusal, -error, "cannot make a handle");
    }
    if (handle->hint && hint_arm(handle, &call->refusal)) {
        waitable_end_handle(handle);
        return -1;
    }
    if (recorded)
        recording_add_handle(waitable);
    answer(call->connection, call->request->id, waitable, handle);
    return 0;
}

/* The client has the handle. */
static int rearm(struct call *call, const struct waitable *waitable, struct handle *handle) {
    Portd__V1__HandleOf form = form_of(waitable);
    if (!handle)
        return refusal_set(&call->refusal, REFUSAL_NOT_FOUND, "id", "request it without rearm",
                           "the session has no handle of %" PRIu64, call->request->handle->id);
    if (handle->hint && hint_arm(handle, &call->refusal))
        return -1;
    return call_answer(call, PORTD__V1__REPLY__RESULT_HANDLE, &form);
}

/* Whether it is EFD_SEMAPHORE is not looked at: who makes one that can be drained harms its own session. One that blocks is refused, so that no
 * worker of its uid waits by mistake; whoever fills it and clears the flag later has only those of its own uid wait. */
static int check_attached(struct call *call, bool semaphore) {
    enum inspect_type type = inspect_type_of(call->fd, call->connection->user->uid);
    if (type == INSPECT_UNKNOWN)
        return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, NULL,
                           "try again; the broker needs a mounted /proc",
                           "cannot determine the type of the attached descriptor");
    if (type == INSPECT_EVENTFD && semaphore && pollable_semaphore_blocks(call->fd))
        return refusal_set(&call->refusal, REFUSAL_INVALID, NULL, "make it with EFD_NONBLOCK",
                           "the attached eventfd blocks");
    if (type == (semaphore ? INSPECT_EVENTFD : INSPECT_EPOLL))
        return 0;
    return refusal_set(&call->refusal, REFUSAL_INVALID, NULL,
                       semaphore ? "attach a descriptor from eventfd"
                                 : "attach a descriptor from epoll_create1",
                       "the attached descriptor is of type %s, not %s", inspect_name(type),
                       semaphore ? "an eventfd" : "an epoll descriptor");
}

int call_handle(struct call *call) {
    const Portd__V1__Handle *message = call->request->handle;
    struct waitable *waitable = target_find(call, message->id);
    struct handle *handle;
    bool hint;
    if (!waitable)
        return target_refuse(call, "id", message->id);
    if (target_check_tells(call, waitable, "id"))
        return -1;
    hint = !waitable_is_semaphore(waitable) && pollable_evt_form() == POLLABLE_HINT;
    if (hint && !message->hint)
        return refusal_set(
            &call->refusal, REFUSAL_UNSUPPORTED, "hint",
            "set it, and request the handle again whenever it was readable; or wait for the event instead",
            "on this system no descriptor that is passed on follows another one");
    handle = waitable_handle(waitable, &call->session->session_objects);
    if (message->rearm)
        return rearm(call, waitable, handle);
    if (call->fd != OS_FD_NONE && waitable_is_semaphore(waitable) &&
        pollable_semaphore_form() != POLLABLE_EVENTFD)
        return refusal_set(&call->refusal, REFUSAL_MISMATCH, NULL, "attach nothing to the request",
                           "on this system the broker makes the handle of a semaphore");
    if (call->fd != OS_FD_NONE && check_attached(call, waitable_is_semaphore(waitable)))
        return -1;
    /* Beyond the attached descriptor, at most three: the wakeup, or the broker's handle and its wakeup; a worker's copy of the
     * target; and a copy of the handle that stays in the channel if the client does not read. */
    if (!limit_may_keep(call->connection->user, 3, 3))
        return holders_refuse_table(call->connection->user, &call->refusal);
    if (passing_check(call->connection, 1, &call->refusal))
        return -1;
    if (!handle)
        return hint || waitable_is_semaphore(waitable) ? make_plain(call, waitable)
                                                       : make_for_evt(call, waitable);
    if (handle->hint && hint_arm(handle, &call->refusal))
        return -1;
    answer(call->connection, call->request->id, waitable, handle);
    return 0;
}
