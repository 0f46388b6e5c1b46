/* call_socket.c: shutdown and addresses of a port's socket.
 *
 * Both take the socket's lock in the kernel, which another holder of the socket can keep (stream.h). So a worker does them; the
 * request is in flight meanwhile, and charged to the session. */
#include "call.h"
#include "connection.h"
#include "daemon/access/charge.h"
#include "daemon/access/refusal.h"
#include "daemon/access/user.h"
#include "daemon/loop/identity.h"
#include "daemon/loop/offload.h"
#include "daemon/object/env.h"
#include "daemon/object/hold.h"
#include "daemon/object/port.h"
#include "daemon/object/stream.h"
#include "dispatch.h"
#include "hold_name.h"
#include "inflight.h"
#include "proto/container.h"
#include "session.h"
#include "target.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct errand {
    struct inflight inflight; /* connection NULL: it has ended, no reply */
    struct offload_job job;
    struct identity *identity;     /* the worker takes it on */
    struct descriptor *descriptor; /* has this job (descriptor_begin_job) */
    struct charge charge;
    Portd__V1__Reply__ResultCase result;
    bool read, write;              /* shutdown */
    struct stream_address ends[2]; /* addresses: local and peer */
    os_fd fd;
    int error;
};

static struct errand *errand_of(struct offload_job *job) { return CONTAINER_OF(job, struct errand, job); }

static void work(struct offload_job *job) {
    struct errand *errand = errand_of(job);
    if (job->unfit) {
        errand->error = job->unfit;
        return;
    }
    errand->error = errand->result == PORTD__V1__REPLY__RESULT_SHUTDOWN
                        ? stream_shutdown(errand->fd, errand->read, errand->write)
                        : stream_addresses(errand->fd, &errand->ends[0], &errand->ends[1]);
}

static void errand_free(struct errand *errand) {
    identity_unref(errand->identity);
    charge_deinit(&errand->charge);
    free(errand);
}

static bool write_address(Portd__V1__Address *to, struct stream_address *from) {
    static const char *const families[] = {"inet", "inet6", "unix", "other"};
    static char texts[4][8];
    if (!from->family)
        return false;
    for (int i = 0; i < 4; i++)
        if (!strcmp(families[i], from->family))
            to->family = strcpy(texts[i], families[i]);
    to->host = from->host;
    to->port = from->port;
    return true;
}

static void answer(struct errand *errand) {
    struct inflight *inflight = &errand->inflight;
    Portd__V1__Reply reply = PORTD__V1__REPLY__INIT;
    Portd__V1__Done done = PORTD__V1__DONE__INIT;
    Portd__V1__Addresses addresses = PORTD__V1__ADDRESSES__INIT;
    Portd__V1__Address local = PORTD__V1__ADDRESS__INIT, peer = PORTD__V1__ADDRESS__INIT;
    struct refusal refusal;
    reply.id = inflight->request;
    reply.result_case = errand->result;
    if (errand->error == IDENTITY_CANNOT) {
        refusal_set(&refusal, REFUSAL_UNSUPPORTED, "id", "get a copy of the descriptor and use that",
                    "the broker cannot act with the rights of another user on this system");
        connection_refuse(inflight->connection, inflight->request, &refusal);
        return;
    }
    if (errand->error) {
        refusal_system(&refusal, -errand->error,
                       errand->result == PORTD__V1__REPLY__RESULT_SHUTDOWN ? "shutdown" : "getsockname");
        connection_refuse(inflight->connection, inflight->request, &refusal);
        return;
    }
    if (errand->result == PORTD__V1__REPLY__RESULT_SHUTDOWN) {
        reply.shutdown = &done;
    } else {
        addresses.local = write_address(&local, &errand->ends[0]) ? &local : NULL;
        addresses.peer = write_address(&peer, &errand->ends[1]) ? &peer : NULL;
        reply.addresses = &addresses;
    }
    connection_reply(inflight->connection, &reply);
}

static void on_worked(struct offload_job *job) {
    struct errand *errand = errand_of(job);
    if (errand->inflight.connection) {
        inflight_remove(&errand->inflight);
        answer(errand);
    }
    descriptor_end_job(errand->descriptor);
    errand_free(errand);
}

static void on_dropped(struct offload_job *job) { errand_free(errand_of(job)); }

/* The connection has ended; the worker still uses the record. */
static void orphan(struct inflight *inflight) { inflight->connection = NULL; }

/* NULL: the refusal. */
static struct errand *errand_new(struct call *call, uint64_t id, Portd__V1__Reply__ResultCase result) {
    const struct port *port = target_port(call, id, -1);
    struct errand *errand;
    if (!port)
        return NULL;
    if (!inspect_is_socket((enum inspect_type)waitable_source(&port->waitable)->type)) {
        refusal_set(&call->refusal, REFUSAL_UNSUPPORTED, "id", NULL,
                    "only sockets have addresses and can be shut down");
        return NULL;
    }
    if (target_check_workers(call))
        return NULL;
    errand = call_remember(call, sizeof *errand, offsetof(struct errand, charge));
    if (!errand)
        return NULL;
    errand->descriptor = waitable_source(&port->waitable);
    errand->fd = errand->descriptor->fd;
    errand->result = result;
    errand->inflight = (struct inflight){.windowed = true, .orphan = orphan};
    errand->identity = identity_ref(call->connection->identity);
    errand->job = (struct offload_job){.work = work,
                                       .done = on_worked,
                                       .drop = on_dropped,
                                       .uid = errand->descriptor->user->uid,
                                       .identity = errand->identity,
                                       .quick = true};
    return errand;
}

static int start(struct call *call, struct errand *errand) {
    inflight_add(call->connection, &errand->inflight, call->request->id);
    descriptor_begin_job(errand->descriptor);
    offload_submit(call->connection->all->env->offload, &errand->job);
    return 0;
}

/* A port of one direction can shut the other one, too: by a hold only with the right to that. */
static int check_rights(struct call *call, const Portd__V1__Shutdown *message) {
    const struct port *port = target_port(call, message->id, -1);
    const struct hold *hold = port ? hold_of(waitable_source(&port->waitable)) : NULL;
    if (hold && ((message->read && hold_name_may(call, hold->owner, hold->name, RIGHT_READ)) ||
                 (message->write && hold_name_may(call, hold->owner, hold->name, RIGHT_WRITE))))
        return -1;
    return port ? 0 : -1;
}

int call_shutdown(struct call *call) {
    const Portd__V1__Shutdown *message = call->request->shutdown;
    if (check_rights(call, message))
        return -1;
    struct errand *errand = errand_new(call, message->id, PORTD__V1__REPLY__RESULT_SHUTDOWN);
    if (!errand)
        return -1;
    errand->read = message->read;
    errand->write = message->write;
    if (message->read || message->write)
        return start(call, errand);
    errand_free(errand);
    return refusal_set(&call->refusal, REFUSAL_INVALID, "read", "request read, write or both",
                       "no direction given");
}

int call_addresses(struct call *call) {
    struct errand *errand =
        errand_new(call, call->request->addresses->id, PORTD__V1__REPLY__RESULT_ADDRESSES);
    return errand ? start(call, errand) : -1;
}
