/* call_repair.c: repair_hold: undoes what other holders have done to a held descriptor, where the system can.
 *
 * A worker looks, repairs, and looks again, so the answer tells what is, not what was tried. What holders share is changed by this call alone. */
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/identity.h"
#include "daemon/loop/offload.h"
#include "daemon/object/bound.h"
#include "daemon/object/env.h"
#include "daemon/object/hold.h"
#include "dispatch.h"
#include "hold_name.h"
#include "holding.h"
#include "inflight.h"
#include "looking.h"
#include "proto/container.h"
#include "session.h"
#include "target.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

struct repair {
    struct inflight inflight; /* connection NULL: it has ended, no reply */
    struct offload_job job;
    struct identity *identity;     /* the worker takes it on */
    struct descriptor *descriptor; /* has this job */
    struct charge charge;
    os_fd fd;
    enum inspect_type type;
    bool flags; /* these, too */
    struct look_state at_put;
    struct look look;
    uint16_t lost_port;
    unsigned before, left; /* bits of look_poison */
    int error;
};

static struct repair *repair_of(struct offload_job *job) { return CONTAINER_OF(job, struct repair, job); }

static void repair_free(struct repair *repair) {
    identity_unref(repair->identity);
    charge_deinit(&repair->charge);
    free(repair);
}

/* ---- by a worker -------------------------------------------------------------------------------------------------- */

static unsigned look(struct repair *repair) {
    repair->look = (struct look){0};
    look_fill(repair->fd, repair->type, &repair->look);
    return look_poisons(&repair->at_put, &repair->look);
}

static void work(struct offload_job *job) {
    struct repair *repair = repair_of(job);
    repair->error = job->unfit;
    if (job->unfit)
        return;
    repair->before = repair->left = look(repair);
    if (repair->before & LOOK_NOT_LISTENING)
        repair->error = look_listen(repair->fd, repair->type, &repair->lost_port);
    if (repair->error >= 0 && repair->flags && repair->before & LOOK_FLAGS)
        repair->error = look_set_flags(repair->fd, repair->at_put.flags);
    if (repair->before)
        repair->left = look(repair);
}

/* ---- the answer --------------------------------------------------------------------------------------------------- */

static void refuse_error(int error, struct refusal *refusal) {
    if (error == IDENTITY_CANNOT)
        (void)refusal_set(refusal, REFUSAL_UNSUPPORTED, "name", "get a copy of the descriptor and use that",
                          "the broker cannot act with the rights of another user on this system");
    else
        (void)refusal_system(refusal, -error, "cannot repair it");
    if (error == -EADDRINUSE)
        refusal->hint = "another socket has its address; end that one, or put a new listener in its place";
}

static void refuse_left(unsigned left, bool flags, struct refusal *refusal) {
    if (left & LOOK_NOT_LISTENING)
        (void)refusal_set(refusal, REFUSAL_UNSUPPORTED, "name",
                          "make a new one, and put it in place of this one (expects)",
                          "a listener of this kind that was shut down cannot listen again");
    else if (left & (LOOK_SHUT_READ | LOOK_SHUT_WRITE))
        (void)refusal_set(refusal, REFUSAL_UNSUPPORTED, "name",
                          "connect again, and put the new one in place of this one (expects)",
                          "a connection that was shut down stays so");
    else if (left & LOOK_FLAGS)
        (void)refusal_set(refusal, REFUSAL_UNSUPPORTED, "flags",
                          flags ? "get a copy, and set them there"
                                : "ask for flags (portctl repair --flags): they are set back for all holders",
                          "O_NONBLOCK, O_APPEND or O_DIRECT is not what it was when it was put");
    else
        (void)refusal_set(
            refusal, REFUSAL_UNSUPPORTED, "name",
            "the call position sets that of a port of it, for all holders",
            "the position of the file is not what it was when it was put, and is never set back");
}

static void answer(const struct repair *repair) {
    const struct inflight *inflight = &repair->inflight;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Repaired repaired = PORTD__V1__REPAIRED__INIT;
    Portd__V1__Poison done[LOOK_POISONS], left[LOOK_POISONS];
    unsigned bits = repair->before & ~repair->left;
    struct refusal refusal;
    if ((repair->error < 0 || repair->left) && !bits) { /* what was repaired is told before what failed */
        if (repair->error < 0)
            refuse_error(repair->error, &refusal);
        else
            refuse_left(repair->left, repair->flags, &refusal);
        connection_refuse(inflight->connection, inflight->request, &refusal);
        return;
    }
    repaired.repaired = done;
    repaired.n_repaired = looking_poisons(bits, done);
    repaired.left = left;
    repaired.n_left = looking_poisons(repair->left, left);
    reply.id = inflight->request;
    reply.result_case = PORTD__V1__REPLY__RESULT_REPAIR_HOLD;
    reply.repair_hold = &repaired;
    connection_reply(inflight->connection, &reply);
}

static void on_worked(struct offload_job *job) {
    struct repair *repair = repair_of(job);
    struct hold *hold = hold_of(repair->descriptor);
    if (hold)
        held_of(hold)->lost_port = repair->lost_port;
    if (repair->inflight.connection) {
        inflight_remove(&repair->inflight);
        answer(repair);
    }
    descriptor_end_job(repair->descriptor);
    repair_free(repair);
}

static void on_dropped(struct offload_job *job) { repair_free(repair_of(job)); }

/* The connection has ended; the worker still uses the record. */
static void orphan(struct inflight *inflight) { inflight->connection = NULL; }

int call_repair_hold(struct call *call) {
    const Portd__V1__RepairHold *message = call->request->repair_hold;
    struct connection *connection = call->connection;
    const struct held *held = hold_name_find(call, message->owner, message->name, RIGHT_PUT);
    struct repair *repair;
    if (!held || target_check_workers(call))
        return -1;
    repair = call_remember(call, sizeof *repair, offsetof(struct repair, charge));
    if (!repair)
        return -1;
    repair->descriptor = bound_descriptor(held->hold.binding);
    repair->fd = repair->descriptor->fd;
    repair->type = (enum inspect_type)repair->descriptor->type;
    repair->flags = message->flags;
    repair->at_put = held->at_put;
    repair->lost_port = held->lost_port;
    repair->inflight = (struct inflight){.windowed = true, .orphan = orphan};
    repair->identity = identity_ref(connection->identity);
    repair->job = (struct offload_job){.work = work,
                                       .done = on_worked,
                                       .drop = on_dropped,
                                       .uid = repair->descriptor->user->uid,
                                       .identity = repair->identity,
                                       .quick = true};
    inflight_add(connection, &repair->inflight, call->request->id);
    descriptor_begin_job(repair->descriptor);
    offload_submit(connection->all->env->offload, &repair->job);
    return 0;
}
