/* call_hold.c: put, get, drop, renew. A call of several names does all or nothing: everything is checked and made before anything changes. */
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/holders.h"
#include "daemon/access/limit.h"
#include "daemon/access/refusal.h"
#include "daemon/base/turn.h"
#include "daemon/object/bound.h"
#include "daemon/object/cause.h"
#include "daemon/object/hold.h"
#include "daemon/object/inspect.h"
#include "daemon/object/registry.h"
#include "daemon/object/spool.h"
#include "dispatch.h"
#include "hold_name.h"
#include "holding.h"
#include "inflight.h"
#include "inquiry.h"
#include "keeping.h"
#include "owner.h"
#include "passing.h"
#include "proto/channel.h"
#include "proto/container.h"
#include "proto/frame.h"
#include "session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNITS_EACH = 4 };

/* The names of a call, and what is held under each. */
struct targets {
    os_uid owner;
    char *const *names;
    size_t n;
    const uint64_t *expects; /* NULL: none */
    struct held *held[FRAME_FDS_MAX];
};

/* ---- names -------------------------------------------------------------------------------------------------------- */

static int targets_check(struct call *call, const struct targets *targets, size_t n_expects) {
    if (targets->n < 1 || targets->n > FRAME_FDS_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "names", NULL, "expected 1 to %d names, got %zu",
                           (int)FRAME_FDS_MAX, targets->n);
    if (n_expects && n_expects != targets->n)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "expects", NULL,
                           "expected one id for each of the %zu names, or none, got %zu", targets->n,
                           n_expects);
    for (size_t i = 0; i < targets->n; i++)
        if (hold_name_check(targets->names[i], &call->refusal))
            return -1;
    return 0;
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* One name twice would be two answers to one question. */
static int targets_check_twice(struct call *call, const struct targets *targets) {
    char *sorted[FRAME_FDS_MAX];
    memcpy(sorted, targets->names, targets->n * sizeof *sorted);
    qsort(sorted, targets->n, sizeof *sorted, compare);
    for (size_t i = 1; i < targets->n; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return refusal_set(&call->refusal, REFUSAL_INVALID, "names", NULL, "\"%.100s\" is named twice",
                               sorted[i]);
    return 0;
}

static int targets_init(struct call *call, struct targets *targets, const char *owner, char *const *names,
                        size_t n_names, const uint64_t *expects, size_t n_expects, enum right right) {
    *targets = (struct targets){.names = names, .n = n_names, .expects = n_expects ? expects : NULL};
    if (hold_name_owner(call, owner, &targets->owner) || targets_check(call, targets, n_expects) ||
        targets_check_twice(call, targets))
        return -1;
    for (size_t i = 0; i < targets->n; i++) {
        if (hold_name_may(call, targets->owner, names[i], right))
            return -1;
        targets->held[i] = held_find(call->connection->all, targets->owner, names[i]);
    }
    turn_spend(call->connection->user->lane.turns, UNITS_EACH * targets->n);
    return 0;
}

static int check_expected(struct call *call, const struct targets *targets, size_t i) {
    uint64_t is = targets->held[i] ? targets->held[i]->hold.id : 0;
    uint64_t expected = targets->expects ? targets->expects[i] : 0;
    if (is == expected)
        return 0;
    if (!is)
        return hold_name_refuse(call, targets->names[i]);
    return refusal_set(&call->refusal, REFUSAL_EXISTS, "names",
                       "drop it first, or name the id that is to be replaced in expects",
                       "descriptor %" PRIu64 " is held as \"%.100s\"", is, targets->names[i]);
}

/* All are held, and are what is expected. */
static int check_held(struct call *call, const struct targets *targets) {
    for (size_t i = 0; i < targets->n; i++) {
        if (!targets->held[i])
            return hold_name_refuse(call, targets->names[i]);
        if (targets->expects && check_expected(call, targets, i))
            return -1;
    }
    return 0;
}

/* ---- leases ------------------------------------------------------------------------------------------------------- */

/* Reads the lease; *process is where that of an attached pidfd goes, which is the frame's descriptor number n_fds. */
static int read_lease(struct call *call, const Portd__V1__Lease *lease, size_t n_fds,
                      struct owner_process *process, struct holding_terms *terms) {
    bool attached = lease && lease->process_attached;
    size_t n = call->frame ? call->frame->n_fds : 0;
    *terms = (struct holding_terms){0};
    if (n != n_fds + (attached ? 1 : 0))
        return refusal_set(
            &call->refusal, REFUSAL_MISMATCH, "names", NULL,
            "one descriptor for each name, and a pidfd with process_attached, are %zu, but %zu are attached",
            n_fds + (attached ? 1 : 0), n);
    if (!lease)
        return 0;
    if (lease->ttl_us > INT64_MAX)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "ttl_us", NULL, "the time to live is too large");
    terms->ttl_us = (int64_t)lease->ttl_us;
    terms->hang_up = lease->hang_up;
    if (!attached)
        return 0;
    *process = (struct owner_process){.fd = call->frame->fds[n_fds]};
    process->pid = inquiry_pid(call->connection->inquiry, process->fd);
    int error = inspect_pidfd(process->fd, &process->key, &process->pid);
    if (error && inspect_type_of(process->fd, call->connection->user->uid) != INSPECT_PIDFD)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "process_attached",
                           "attach a pidfd from pidfd_open without PIDFD_THREAD",
                           "the last descriptor is not a pidfd of a process");
    terms->process = process;
    return 0;
}

/* ---- put ---------------------------------------------------------------------------------------------------------- */

static int spools_check(struct call *call, const Portd__V1__Put *put) {
    if (put->n_spools && put->n_spools != put->n_names)
        return refusal_set(&call->refusal, REFUSAL_INVALID, "spools", NULL,
                           "expected one spool for each of the %zu names, or none, got %zu", put->n_names,
                           put->n_spools);
    for (size_t i = 0; i < put->n_spools; i++)
        if (put->spools[i]->when_full > PORTD__V1__WHEN_FULL__WHEN_FULL_STOP)
            return refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "spools", NULL,
                               "%d is no policy of this broker", (int)put->spools[i]->when_full);
    return 0;
}

/* Makes them, with their leases, spools and names. -1 and the refusal: those that were made are to be ended. */
static int make_all(struct call *call, const struct targets *targets, const struct holding_terms *terms,
                    struct held **made) {
    const Portd__V1__Put *put = call->request->put;
    for (size_t i = 0; i < targets->n; i++) {
        made[i] = held_new(call->connection, &call->frame->fds[i], &call->refusal);
        if (!made[i] || held_lease(made[i], terms, &call->refusal))
            return -1;
        const Portd__V1__Spool *spool = put->n_spools ? put->spools[i] : NULL;
        if (spool && spool->bytes &&
            held_spool(made[i], spool->bytes, spool->when_full == PORTD__V1__WHEN_FULL__WHEN_FULL_STOP,
                       &call->refusal))
            return -1;
    }
    for (size_t i = 0; i < targets->n; i++)
        if (hold_enter(&made[i]->hold, targets->owner, targets->names[i]))
            return refusal_memory(&call->refusal);
    return 0;
}

static void end_all(struct held *const *made, size_t n) {
    for (size_t i = 0; i < n && made[i]; i++)
        held_end(made[i], CAUSE_REMOVED);
}

int call_put(struct call *call) {
    const Portd__V1__Put *put = call->request->put;
    Portd__V1__Held answer = PORTD__V1__HELD__INIT;
    uint64_t ids[FRAME_FDS_MAX];
    struct held *made[FRAME_FDS_MAX] = {NULL};
    struct owner_process process;
    struct holding_terms terms;
    struct targets targets;
    if (targets_init(call, &targets, put->owner, put->names, put->n_names, put->expects, put->n_expects,
                     RIGHT_PUT) ||
        read_lease(call, put->lease, targets.n, &process, &terms) || spools_check(call, put) ||
        keeping_check(call))
        return -1;
    for (size_t i = 0; i < targets.n; i++)
        if (check_expected(call, &targets, i))
            return -1;
    if (make_all(call, &targets, &terms, made)) {
        end_all(made, targets.n);
        return -1;
    }
    int kept = keeping_is_needed(call) ? keeping_put(call, made, targets.held, targets.n) : 1;
    if (kept < 0) {
        end_all(made, targets.n);
        return -1;
    }
    if (!kept)
        return 0;
    for (size_t i = 0; i < targets.n; i++) {
        if (targets.held[i])
            held_end(targets.held[i], CAUSE_REPLACED);
        held_start(made[i]);
        ids[i] = made[i]->hold.id;
    }
    answer.descriptors = ids;
    answer.n_descriptors = targets.n;
    return call_answer(call, PORTD__V1__REPLY__RESULT_PUT, &answer);
}

/* ---- get ---------------------------------------------------------------------------------------------------------- */

static int check_raw(struct call *call, const struct targets *targets) {
    for (size_t i = 0; i < targets->n; i++)
        if (targets->held[i]->spool && !call->request->get->raw)
            return refusal_set(
                &call->refusal, REFUSAL_INVALID, "raw",
                "read it by read_spool, or ask for raw: what others read is missing in the spool",
                "\"%.100s\" has a spool", targets->names[i]);
    return 0;
}

/* Who gets them may read, too. */
static void mark_spools(const struct targets *targets) {
    for (size_t i = 0; i < targets->n; i++)
        if (targets->held[i]->spool)
            spool_file_mark(&targets->held[i]->spool->file, targets->held[i]->spool->next);
}

int call_get(struct call *call) {
    const Portd__V1__Get *get = call->request->get;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Held answer = PORTD__V1__HELD__INIT;
    uint64_t ids[FRAME_FDS_MAX];
    os_fd fds[FRAME_FDS_MAX];
    struct targets targets;
    if (targets_init(call, &targets, get->owner, get->names, get->n_names, get->expects, get->n_expects,
                     RIGHT_GET) ||
        check_held(call, &targets) || check_raw(call, &targets))
        return -1;
    for (size_t i = 0; i < targets.n; i++) {
        if (get->take && hold_name_may(call, targets.owner, targets.names[i], RIGHT_DROP))
            return -1;
        ids[i] = targets.held[i]->hold.id;
        fds[i] = bound_descriptor(targets.held[i]->hold.binding)->fd;
    }
    if (!limit_may_keep(call->connection->user, targets.n, targets.n))
        return holders_refuse_table(call->connection->user, &call->refusal);
    if (passing_check(call->connection, targets.n, &call->refusal))
        return -1;
    if (!get->unread)
        mark_spools(&targets);
    answer.descriptors = ids;
    answer.n_descriptors = targets.n;
    reply.id = call->request->id;
    reply.result_case = PORTD__V1__REPLY__RESULT_GET;
    reply.get = &answer;
    if (!get->take) {
        if (connection_reply_fds(call->connection, &reply, fds, targets.n))
            for (size_t i = 0; i < targets.n; i++)
                given_add(&targets.held[i]->given, call->connection->peer.uid, call->connection->peer.pid);
        return 0;
    }
    if (connection_pass_fds(call->connection, &reply, fds, targets.n, &call->refusal))
        return -1;
    for (size_t i = 0; i < targets.n; i++)
        held_end(targets.held[i], CAUSE_REMOVED);
    return 0;
}

/* ---- drop --------------------------------------------------------------------------------------------------------- */

/* A drop that is answered when all copies are closed. */
struct dropping {
    struct inflight inflight;
    struct charge charge;
    size_t n, open;
    struct part {
        struct hold_end end;
        struct dropping *of;
    } parts[];
};

static void dropping_free(struct dropping *dropping) {
    charge_deinit(&dropping->charge);
    free(dropping);
}

static void emit(struct inflight *inflight) {
    struct dropping *dropping = CONTAINER_OF(inflight, struct dropping, inflight);
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    reply.id = inflight->request;
    reply.result_case = PORTD__V1__REPLY__RESULT_DROP;
    reply.drop = &done;
    connection_reply(inflight->connection, &reply);
    dropping_free(dropping);
}

static void orphan(struct inflight *inflight) {
    struct dropping *dropping = CONTAINER_OF(inflight, struct dropping, inflight);
    for (size_t i = 0; i < dropping->n; i++)
        hold_forget_end(&dropping->parts[i].end);
    dropping_free(dropping);
}

static void on_closed(struct hold_end *end) {
    struct dropping *dropping = CONTAINER_OF(end, struct part, end)->of;
    if (--dropping->open == 0)
        inflight_ready(&dropping->inflight);
}

/* It gives back, so it is charged even beyond the limits: the window bounds how many there are. */
static struct dropping *dropping_new(struct call *call, size_t n) {
    size_t size = sizeof(struct dropping) + n * sizeof(struct part);
    struct dropping *dropping = calloc(1, size);
    if (!dropping || table_reserve(&call->connection->by_request)) {
        free(dropping);
        (void)refusal_memory(&call->refusal);
        return NULL;
    }
    charge_return(&dropping->charge, &call->session->session_objects.account, size);
    dropping->n = dropping->open = n;
    return dropping;
}

int call_drop(struct call *call) {
    const Portd__V1__Drop *drop = call->request->drop;
    struct targets targets;
    if (targets_init(call, &targets, drop->owner, drop->names, drop->n_names, drop->expects, drop->n_expects,
                     RIGHT_DROP) ||
        check_held(call, &targets))
        return -1;
    struct dropping *dropping = dropping_new(call, targets.n);
    if (!dropping)
        return -1;
    for (size_t i = 0; i < targets.n; i++) {
        struct part *part = &dropping->parts[i];
        *part = (struct part){.end = {.done = on_closed}, .of = dropping};
        held_end(targets.held[i], CAUSE_REMOVED);
        hold_await_end(&targets.held[i]->hold, &part->end);
    }
    dropping->inflight = (struct inflight){.windowed = true, .emit = emit, .orphan = orphan};
    inflight_add(call->connection, &dropping->inflight, call->request->id);
    return 0;
}

int call_renew(struct call *call) {
    const Portd__V1__Renew *renew = call->request->renew;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    struct owner_process process;
    struct holding_terms terms;
    struct targets targets;
    if (targets_init(call, &targets, renew->owner, renew->names, renew->n_names, NULL, 0, RIGHT_PUT) ||
        check_held(call, &targets) || read_lease(call, renew->lease, 0, &process, &terms) ||
        keeping_check(call))
        return -1;
    int kept = keeping_renew(call, targets.held, &terms, targets.n);
    return kept < 1 ? kept : call_answer(call, PORTD__V1__REPLY__RESULT_RENEW, &done);
}
