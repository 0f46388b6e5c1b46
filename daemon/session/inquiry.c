/* inquiry.c: see inquiry.h.
 *
 * The attached descriptors stay the channel's. If it closes one meanwhile, the frame is refused or the connection has ended: a worker may then read the fdinfo
 * of another descriptor with that number, and the answer is not used. */
#include "inquiry.h"

#include "connection.h"
#include "daemon/access/gate.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/object/discard.h"
#include "daemon/object/env.h"
#include "proto/container.h"
#include "request.h"
#include "session.h"

#include <stdlib.h>

bool inquiry_names_pids(const Portd__V1__Hello *hello) {
    return hello->owner_pid || hello->n_owner_pids ||
           hello->numbers_case == PORTD__V1__HELLO__NUMBERS_NUMBERS_PID;
}

int inquiry_refuse_untold(const char *field, struct refusal *refusal) {
    return refusal_set(refusal, REFUSAL_LIMIT, field, "end connections that are not needed, or try again",
                       "the broker has no memory or descriptor to ask for the process");
}

int inquiry_check_pids(const struct inquiry *inquiry, struct refusal *refusal) {
    static const char hint[] = "attach pidfds (pidfd_open) and set owners_attached or numbers_attached";
    if (inquiry->shares == INSPECT_SHARES_UNTOLD)
        return inquiry_refuse_untold("owner_pids", refusal);
    if (inquiry->shares != INSPECT_SHARES)
        return refusal_set(refusal, REFUSAL_INVALID, "owner_pids", hint,
                           "pids are not accepted from a process that has ended or is in another pid "
                           "namespace than the broker");
    if (inquiry->full)
        return refusal_set(refusal, REFUSAL_LIMIT, "owner_pids", hint, "%s", refusal_full_group);
    return 0;
}

uint32_t inquiry_pid(const struct inquiry *inquiry, os_fd pidfd) {
    for (size_t i = 0; inquiry && i < inquiry->n; i++)
        if (inquiry->pidfds[i] == pidfd)
            return inquiry->pids[i];
    return 0;
}

void inquiry_forget(struct connection *connection) {
    struct inquiry *inquiry = connection->inquiry;
    connection->inquiry = NULL;
    if (!inquiry)
        return;
    if (!inquiry->runs) {
        free(inquiry);
        return;
    }
    inquiry->connection = NULL;
    kept_hand_on(&inquiry->slot);
    user_hold(inquiry->user);
    gates_discard(inquiry->user, 1);
}

/* ---- by a worker -------------------------------------------------------------------------------------------------- */

static void work(struct offload_job *job) {
    struct inquiry *inquiry = CONTAINER_OF(job, struct inquiry, job);
    for (size_t i = 0; i < inquiry->n; i++)
        inquiry->pids[i] = inspect_read_pid(inquiry->pidfds[i]);
    if (inquiry->peer == OS_FD_NONE)
        return;
    inquiry->full = inquiry->counted && inspect_pids_are_full();
    inquiry->shares = inspect_shares_pids(inquiry->peer);
    os_close(inquiry->peer);
    inquiry->peer = OS_FD_NONE;
}

static void done(struct offload_job *job) {
    struct inquiry *inquiry = CONTAINER_OF(job, struct inquiry, job);
    inquiry->runs = false;
    if (inquiry->connection) {
        kept_release(&inquiry->slot);
        inquiry->answered(inquiry->connection);
        return;
    }
    gates_discarded(inquiry->user);
    user_unref(inquiry->user);
    free(inquiry);
}

/* ---- in the loop -------------------------------------------------------------------------------------------------- */

static bool add_pidfd(void *context, os_fd fd) {
    struct inquiry *inquiry = context;
    if (inquiry->before)
        inquiry->before--;
    else if (inquiry->n < INQUIRY_PIDFDS && inspect_type_of(fd, inquiry->user->uid) == INSPECT_PIDFD)
        inquiry->pidfds[inquiry->n++] = fd;
    return false;
}

/* Whether a worker is needed. */
static bool fill(struct inquiry *inquiry, bool pids, bool pidfds) {
    const struct connection *connection = inquiry->connection;
    inquiry->peer = OS_FD_NONE;
    if (pids)
        inquiry->shares = inspect_may_share_pids(transport_peer(connection->channel.transport),
                                                 connection->peer.pid, &inquiry->peer);
    if (pidfds)
        (void)channel_any_fd(&connection->channel, add_pidfd, inquiry);
    return inquiry->peer != OS_FD_NONE || inquiry->n;
}

/* What is asked about. */
struct question {
    bool pids, pidfds;
    size_t before; /* descriptors of the frame that are not asked about */
};

/* True: a worker has it. */
static bool ask(struct connection *connection, const struct question *question,
                void (*answered)(struct connection *connection)) {
    const struct env *env = connection->all->env;
    struct user *user = connection->user;
    struct inquiry *inquiry = limit_may_keep(user, 1, 1) ? calloc(1, sizeof *inquiry) : NULL;
    if (!inquiry)
        return false;
    inquiry->connection = connection;
    inquiry->user = user;
    inquiry->answered = answered;
    inquiry->counted = !limit_is_admin(user);
    inquiry->before = question->before;
    inquiry->runs = fill(inquiry, question->pids, question->pidfds);
    if (inquiry->runs && offload_check(env->offload, user->uid) != OFFLOAD_ACCEPTS) {
        discard_opened(env->closer, user, inquiry->peer);
        free(inquiry);
        return false;
    }
    connection->inquiry = inquiry;
    if (!inquiry->runs)
        return false;
    kept_set_slots(&inquiry->slot, env->fd_table, 1);
    inquiry->job =
        (struct offload_job){.work = work, .done = done, .drop = done, .uid = user->uid, .quick = true};
    offload_submit(env->offload, &inquiry->job);
    return true;
}

/* Of a lease only the descriptor of its process is asked about, which comes after all others. */
static bool asks(const Portd__V1__Request *request, bool greeted, bool pidfds, struct question *question) {
    const Portd__V1__Lease *lease = NULL;
    *question = (struct question){0};
    if (!greeted && request->method_case == PORTD__V1__REQUEST__METHOD_HELLO) {
        question->pids = inquiry_names_pids(request->hello);
        question->pidfds = pidfds;
    } else if (greeted && request->method_case == PORTD__V1__REQUEST__METHOD_PUT) {
        lease = request->put->lease;
        question->before = request->put->n_names;
    } else if (greeted && request->method_case == PORTD__V1__REQUEST__METHOD_RENEW) {
        lease = request->renew->lease;
    }
    if (lease && lease->process_attached)
        question->pidfds = pidfds;
    return question->pids || question->pidfds;
}

bool inquiry_holds(struct connection *connection, void (*answered)(struct connection *connection)) {
    Portd__V1__Request plain;
    const Portd__V1__Request *request;
    const uint8_t *at, *end;
    struct question question;
    bool greeted = connection->session_id, pidfds;
    size_t length;
    if (connection->inquiry || (greeted && inspect_tells_pids()))
        return false;
    pidfds = !inspect_tells_pids() && channel_fds_held(&connection->channel);
    if (greeted && !pidfds)
        return false;
    length = channel_peek(&connection->channel, &at, &end);
    if (!length || length > FRAME_REQUEST_MAX || (size_t)(end - at) < length)
        return false;
    request = request_unpack(&connection->all->arena, at, length, &plain);
    turn_spend(connection->user->lane.turns, request_units(request, length));
    return request && asks(request, greeted, pidfds, &question) && ask(connection, &question, answered);
}
