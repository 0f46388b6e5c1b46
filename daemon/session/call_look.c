/* call_look.c: show_hold: what the system tells of held descriptors.
 *
 * The system answers some questions under locks that another holder can keep (look.h), so a worker asks, as one job of who has put it: locks that his descriptors have keep no others waiting. The asker is charged for what it brings.
 * The descriptors stay open meanwhile (descriptor_begin_job). What has ended since, or may no longer be listed, is refused. */
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/base/turn.h"
#include "daemon/loop/identity.h"
#include "daemon/loop/offload.h"
#include "daemon/object/bound.h"
#include "daemon/object/env.h"
#include "dispatch.h"
#include "hold_name.h"
#include "hold_page.h"
#include "holding.h"
#include "inflight.h"
#include "looking.h"
#include "proto/container.h"
#include "session.h"
#include "target.h"

#include <stddef.h>
#include <stdlib.h>

enum { SHOW_MOST = 16, UNITS_EACH = 8 };

/* One name. */
struct part {
    uint64_t id;
    struct descriptor *descriptor; /* has this job */
    os_fd fd;
    enum inspect_type type;
    struct look look;
};

struct showing {
    struct inflight inflight; /* connection NULL: it has ended, no reply */
    struct offload_job job;
    struct identity *identity; /* the worker takes it on */
    struct charge charge;
    os_uid owner;
    bool all; /* the caller may list all uids' */
    size_t n;
    struct part parts[];
};

static struct showing *showing_of(struct offload_job *job) { return CONTAINER_OF(job, struct showing, job); }

static void showing_free(struct showing *showing) {
    identity_unref(showing->identity);
    charge_deinit(&showing->charge);
    free(showing);
}

/* A worker that cannot act for the client asks nothing: then nothing is known. */
static void work(struct offload_job *job) {
    struct showing *showing = showing_of(job);
    for (size_t i = 0; i < showing->n && !job->unfit; i++)
        look_fill(showing->parts[i].fd, showing->parts[i].type, &showing->parts[i].look);
}

static const struct held *find_again(struct showing *showing, size_t i, struct refusal *refusal) {
    struct connection *connection = showing->inflight.connection;
    const struct held *held = held_get(connection->all, showing->parts[i].id);
    if (!held) {
        (void)refusal_set(refusal, REFUSAL_NOT_FOUND, "names", "holds shows the names",
                          "it was dropped meanwhile");
        return NULL;
    }
    if (showing->all || connection_may(connection, held->hold.owner, held->hold.name, RIGHT_LIST, refusal))
        return held;
    if (!refusal->code)
        (void)refusal_set(refusal, REFUSAL_DENIED, "owner", NULL, "the right list was taken away meanwhile");
    return NULL;
}

/* 0, or -1 and the refusal. */
static int fill_page(struct showing *showing, struct hold_page *page, struct looking_row *rows,
                     struct refusal *refusal) {
    struct connection *connection = showing->inflight.connection;
    hold_page_begin(page, connection, showing->owner);
    for (size_t i = 0; i < showing->n && !page->of.more; i++) {
        const struct held *held = find_again(showing, i, refusal);
        if (!held)
            return -1;
        looking_write(hold_page_write(page, held), &rows[i], held, &showing->parts[i].look, connection,
                      showing->all);
        (void)hold_page_take(page);
    }
    return hold_page_check(page, connection, refusal);
}

static void emit(struct inflight *inflight) {
    struct showing *showing = CONTAINER_OF(inflight, struct showing, inflight);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    struct looking_row rows[SHOW_MOST];
    struct hold_page page;
    struct refusal refusal;
    reply.id = inflight->request;
    reply.result_case = PORTD__V1__REPLY__RESULT_SHOW_HOLD;
    reply.show_hold = &page.of;
    if (fill_page(showing, &page, rows, &refusal))
        connection_refuse(inflight->connection, inflight->request, &refusal);
    else
        connection_reply(inflight->connection, &reply);
    showing_free(showing);
}

static void on_worked(struct offload_job *job) {
    struct showing *showing = showing_of(job);
    for (size_t i = 0; i < showing->n; i++)
        descriptor_end_job(showing->parts[i].descriptor);
    if (showing->inflight.connection)
        inflight_ready(&showing->inflight);
    else
        showing_free(showing);
}

static void on_dropped(struct offload_job *job) { showing_free(showing_of(job)); }

static bool is_told(const struct showing *showing) { return showing->inflight.ready; }

/* The worker may still use the record. */
static void orphan(struct inflight *inflight) {
    struct showing *showing = CONTAINER_OF(inflight, struct showing, inflight);
    inflight->connection = NULL;
    if (is_told(showing))
        showing_free(showing);
}

static int check(struct call *call, os_uid *owner) {
    const Portd__V1__ShowHold *show = call->request->show_hold;
    if (show->n_names < 1 || show->n_names > SHOW_MOST)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "names", NULL, "expected 1 to %d names, got %zu",
                           (int)SHOW_MOST, show->n_names);
    return hold_name_owner(call, show->owner, owner);
}

static struct held *find(struct call *call, os_uid owner, const char *name) {
    if (hold_name_check(name, &call->refusal) ||
        (!call->others && hold_name_may(call, owner, name, RIGHT_LIST)))
        return NULL;
    struct held *held = held_find(call->connection->all, owner, name);
    if (!held)
        (void)hold_name_refuse(call, name);
    return held;
}

/* Whose job it is: of one who has put something that others hold, since that may keep the worker waiting; else the asker's. */
static os_uid payer(const struct showing *showing, const struct connection *connection) {
    for (size_t i = 0; i < showing->n; i++)
        if (showing->parts[i].descriptor->user != connection->user)
            return showing->parts[i].descriptor->user->uid;
    return connection->user->uid;
}

int call_show_hold(struct call *call) {
    const Portd__V1__ShowHold *show = call->request->show_hold;
    struct connection *connection = call->connection;
    struct held *held[SHOW_MOST];
    os_uid owner;
    if (check(call, &owner))
        return -1;
    for (size_t i = 0; i < show->n_names; i++)
        if (!(held[i] = find(call, owner, show->names[i])))
            return -1;
    if (target_check_workers(call))
        return -1;
    struct showing *showing = call_remember(call, sizeof *showing + show->n_names * sizeof *showing->parts,
                                            offsetof(struct showing, charge));
    if (!showing)
        return -1;
    turn_spend(connection->user->lane.turns, UNITS_EACH * show->n_names);
    showing->owner = owner;
    showing->all = call->others;
    showing->n = show->n_names;
    for (size_t i = 0; i < showing->n; i++) {
        struct descriptor *descriptor = bound_descriptor(held[i]->hold.binding);
        showing->parts[i] = (struct part){.id = held[i]->hold.id,
                                          .descriptor = descriptor,
                                          .fd = descriptor->fd,
                                          .type = (enum inspect_type)descriptor->type};
        descriptor_begin_job(descriptor);
    }
    showing->identity = identity_ref(connection->identity);
    showing->job = (struct offload_job){.work = work,
                                        .done = on_worked,
                                        .drop = on_dropped,
                                        .uid = payer(showing, connection),
                                        .identity = showing->identity,
                                        .quick = true};
    showing->inflight = (struct inflight){.windowed = true, .emit = emit, .orphan = orphan};
    inflight_add(connection, &showing->inflight, call->request->id);
    offload_submit(connection->all->env->offload, &showing->job);
    return 0;
}
