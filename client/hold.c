/* hold.c: put, get, take, drop and renew. What is held is watched and wrapped by ready.c and port.c, and listed by held.c.
 *
 * A put and a take hand descriptors over: once such a request is sent, it is not given up before the broker has answered, or has
 * not answered for some time (call.h, `exact`). Else the reply to a take that nobody waits for would close the last copy. */
#include "call.h"
#include "client.h"
#include "hold_name.h"
#include "submit.h"

#include "proto/container.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The arguments of a call. Members that it does not have are NULL. */
struct targets {
    const char *owner;
    const char *const *names;
    size_t n;
    const portd_id *expects;
    const portd_native *fds;
    const portd_lease *lease;
    const uint64_t *spools;
    int when_full;
    bool take; /* put: the caller's numbers; get: what is held */
    bool raw, unread;
};

/* A blocking call and where to copy what its result points to. */
struct hold_call {
    struct call call;
    portd_native *fds;
    portd_id *ids;
};

/* ---- arguments ---------------------------------------------------------------------------------------------------- */

static int targets_check(portd_client *client, const struct targets *targets) {
    if (!targets->names)
        return client_fail(client, PORTD_E_INVALID, 0, "names", "names must not be NULL");
    if (targets->n == 0 || targets->n > FRAME_FDS_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, "n", "expected 1 to 252 names");
    for (size_t i = 0; i < targets->n; i++) {
        int r = hold_name_check(client, "names", targets->names[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int number_check(portd_client *client, const char *field, portd_native number) {
    if (number < 0 || number > INT32_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, field, "not a valid descriptor number");
    return 0;
}

/* For packing, which only reads them. */
static char **names_of(const struct targets *targets) { return (char **)(uintptr_t)targets->names; }

static uint64_t *expects_of(const struct targets *targets) { return (uint64_t *)(uintptr_t)targets->expects; }

static size_t n_expects_of(const struct targets *targets) { return targets->expects ? targets->n : 0; }

/* The size of the first version of the struct. A program compiled with an earlier header passes a shorter one than ours; the members it
 * lacks have their defaults. */
enum { LEASE_FIRST = offsetof(portd_lease, process) + sizeof(portd_native) };

/* Fills *lease and *process, which is to be attached after all else; OS_FD_NONE: nothing is. 0 or PORTD_E_*. */
static int lease_read(portd_client *client, const portd_lease *from, Portd__V1__Lease *lease,
                      os_fd *process) {
    portd_lease own = PORTD_LEASE_INIT;

    portd__v1__lease__init(lease);
    *process = OS_FD_NONE;
    if (!from)
        return 0;
    if (from->size < LEASE_FIRST)
        return client_fail(client, PORTD_E_INVALID, 0, "lease",
                           "the lease was not initialized with PORTD_LEASE_INIT");
    memcpy(&own, from, from->size < sizeof(own) ? from->size : sizeof(own));
    for (size_t i = sizeof(own); i < from->size; i++)
        if (((const unsigned char *)from)[i] != 0)
            return client_fail(client, PORTD_E_UNSUPPORTED, 0, "lease",
                               "an option of the lease requires a newer library");
    lease->ttl_us = own.ttl_us;
    if (own.hang_up > 1)
        return client_fail(client, PORTD_E_INVALID, 0, "hang_up", "expected 0 or 1");
    lease->hang_up = own.hang_up != 0;
    if (own.process == -1)
        return 0;
    *process = (os_fd)own.process;
    lease->process_attached = true;
    return number_check(client, "process", own.process);
}

/* ---- put ---------------------------------------------------------------------------------------------------------- */

static int read_put(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                    struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Held *held = reply->put;

    (void)client;
    (void)frame;
    if (held->n_descriptors != request->n_ids)
        return PORTD_E_GARBLED;
    for (size_t i = 0; request->flags && request->callback && i < request->n_ids; i++)
        os_close((os_fd)(portd_native)request->ids[i]);
    result->ids = held->descriptors;
    result->n_held = held->n_descriptors;
    return 1;
}

/* Numbers that are closed later must not be the same: the second time another thread could have it. */
static int taken_check(portd_client *client, const struct targets *targets) {
    for (size_t i = 0; i < targets->n; i++)
        for (size_t k = 0; k < i; k++)
            if (targets->fds[i] == targets->fds[k])
                return client_fail(client, PORTD_E_INVALID, 0, "fds",
                                   "the same descriptor cannot be given away twice");
    return 0;
}

/* Fills what packing reads of them. 0 or PORTD_E_*. */
static int spools_read(portd_client *client, const struct targets *targets,
                       Portd__V1__Spool spools[FRAME_FDS_MAX], Portd__V1__Spool *places[FRAME_FDS_MAX]) {
    if (!targets->spools)
        return 0;
    if (targets->when_full != PORTD_SPOOL_DROP && targets->when_full != PORTD_SPOOL_STOP)
        return client_fail(client, PORTD_E_INVALID, 0, "when_full", "it is none of enum portd_when_full");
    for (size_t i = 0; i < targets->n; i++) {
        portd__v1__spool__init(&spools[i]);
        spools[i].bytes = targets->spools[i];
        spools[i].when_full = (Portd__V1__WhenFull)targets->when_full;
        places[i] = &spools[i];
    }
    return 0;
}

static int put_start(portd_client *client, const struct targets *targets, portd_callback *callback,
                     void *data, portd_request **request) {
    Portd__V1__Put put = PORTD__V1__PUT__INIT;
    Portd__V1__Lease lease;
    os_fd fds[FRAME_FDS_MAX + 1];
    portd_id taken[FRAME_FDS_MAX];
    Portd__V1__Spool spools[FRAME_FDS_MAX], *places[FRAME_FDS_MAX];
    int r = targets_check(client, targets);

    if (r < 0)
        return r;
    if (!targets->fds)
        return client_fail(client, PORTD_E_INVALID, 0, "fds", "fds must not be NULL");
    for (size_t i = 0; i < targets->n && r == 0; i++) {
        r = number_check(client, "fds", targets->fds[i]);
        fds[i] = (os_fd)targets->fds[i];
        taken[i] = (portd_id)targets->fds[i];
    }
    if (r == 0 && targets->take)
        r = taken_check(client, targets);
    if (r == 0)
        r = lease_read(client, targets->lease, &lease, &fds[targets->n]);
    if (r == 0)
        r = spools_read(client, targets, spools, places);
    if (r < 0)
        return r;
    size_t n_fds = targets->n + (lease.process_attached ? 1 : 0);
    if (n_fds > FRAME_FDS_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, "n",
                           "expected 1 to 251 names with a process in the lease");
    put.owner = hold_name_text(targets->owner);
    put.names = names_of(targets);
    put.n_names = targets->n;
    put.expects = expects_of(targets);
    put.n_expects = n_expects_of(targets);
    put.lease = targets->lease ? &lease : NULL;
    put.spools = places;
    put.n_spools = targets->spools ? targets->n : 0;
    return submit_put(client, &put, fds, n_fds, targets->take ? taken : NULL, read_put, callback, data,
                      request);
}

int portd_put_start(portd_client *client, const char *owner, const char *const *names,
                    const portd_native *fds, size_t n, const portd_id *expects, const portd_lease *lease,
                    portd_callback *callback, void *data, portd_request **request) {
    return portd_put_spooled_start(client, owner, names, fds, n, expects, lease, NULL, PORTD_SPOOL_DROP,
                                   callback, data, request);
}

int portd_put_take_start(portd_client *client, const char *owner, const char *const *names,
                         const portd_native *fds, size_t n, const portd_id *expects, const portd_lease *lease,
                         portd_callback *callback, void *data, portd_request **request) {
    const struct targets targets = {
        .owner = owner, .names = names, .n = n, .expects = expects, .fds = fds, .lease = lease, .take = true};

    return put_start(client, &targets, callback, data, request);
}

int portd_put_spooled_start(portd_client *client, const char *owner, const char *const *names,
                            const portd_native *fds, size_t n, const portd_id *expects,
                            const portd_lease *lease, const uint64_t *spools, int when_full,
                            portd_callback *callback, void *data, portd_request **request) {
    const struct targets targets = {owner,  names,     n,     expects, fds,  lease,
                                    spools, when_full, false, false,   false};

    return put_start(client, &targets, callback, data, request);
}

/* The result has as many as were asked for: read_put and read_get have checked that. */
static int keep_held(struct call *call, const portd_result *result) {
    struct hold_call *kept = CONTAINER_OF(call, struct hold_call, call);

    if (kept->fds)
        memcpy(kept->fds, result->fds, result->n_held * sizeof(*kept->fds));
    if (kept->ids)
        memcpy(kept->ids, result->ids, result->n_held * sizeof(*kept->ids));
    return result->code;
}

static int put_run(portd_client *client, const struct targets *targets, int64_t deadline, portd_id *ids) {
    struct hold_call kept = {.ids = ids};

    for (size_t i = 0; ids && i < targets->n; i++)
        ids[i] = 0;
    portd_client *asked = call_begin(&kept.call, client);
    kept.call.keep = keep_held;
    kept.call.exact = true;
    int r = put_start(asked, targets, call_done, &kept.call, &kept.call.request);
    return call_end(&kept.call, r, deadline);
}

int portd_put(portd_client *client, const char *owner, const char *const *names, const portd_native *fds,
              size_t n, const portd_id *expects, const portd_lease *lease, int64_t deadline, portd_id *ids) {
    return portd_put_spooled(client, owner, names, fds, n, expects, lease, NULL, PORTD_SPOOL_DROP, deadline,
                             ids);
}

int portd_put_take(portd_client *client, const char *owner, const char *const *names, const portd_native *fds,
                   size_t n, const portd_id *expects, const portd_lease *lease, int64_t deadline,
                   portd_id *ids) {
    const struct targets targets = {
        .owner = owner, .names = names, .n = n, .expects = expects, .fds = fds, .lease = lease, .take = true};

    return put_run(client, &targets, deadline, ids);
}

int portd_put_spooled(portd_client *client, const char *owner, const char *const *names,
                      const portd_native *fds, size_t n, const portd_id *expects, const portd_lease *lease,
                      const uint64_t *spools, int when_full, int64_t deadline, portd_id *ids) {
    const struct targets targets = {owner,  names,     n,     expects, fds,  lease,
                                    spools, when_full, false, false,   false};

    return put_run(client, &targets, deadline, ids);
}

/* ---- get and take ------------------------------------------------------------------------------------------------- */

/* Needs no memory: what has been taken must not be lost. */
static int read_get(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                    struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Held *held = reply->get;

    if (held->n_descriptors != request->n_ids)
        return PORTD_E_GARBLED;
    if (frame->n_fds != request->n_ids)
        return PORTD_E_MISMATCH;
    for (size_t i = 0; i < frame->n_fds; i++) {
        client->fds[i] = (portd_native)frame->fds[i];
        frame->fds[i] = OS_FD_NONE;
    }
    result->fds = client->fds;
    result->ids = held->descriptors;
    result->n_held = held->n_descriptors;
    return 1;
}

static int get_start(portd_client *client, const struct targets *targets, portd_callback *callback,
                     void *data, portd_request **request) {
    Portd__V1__Get get = PORTD__V1__GET__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    portd_request *started;
    int r = targets_check(client, targets);

    if (r < 0)
        return r;
    get.owner = hold_name_text(targets->owner);
    get.names = names_of(targets);
    get.n_names = targets->n;
    get.expects = expects_of(targets);
    get.n_expects = n_expects_of(targets);
    get.take = targets->take;
    get.raw = targets->raw;
    get.unread = targets->unread;
    message.method_case = PORTD__V1__REQUEST__METHOD_GET;
    message.get = &get;
    r = submit_request(client, &message, OS_FD_NONE, read_get, callback, data, &started);
    if (r < 0)
        return r;
    started->n_ids = targets->n;
    started->flags = targets->take;
    if (request)
        *request = started;
    return r;
}

int portd_get_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                    const portd_id *expects, portd_callback *callback, void *data, portd_request **request) {
    const struct targets targets = {.owner = owner, .names = names, .n = n, .expects = expects};

    return get_start(client, &targets, callback, data, request);
}

static int raw_check(portd_client *client, unsigned flags) {
    if (flags & ~(unsigned)PORTD_RAW_UNREAD)
        return client_fail(client, PORTD_E_INVALID, 0, "flags",
                           "invalid flags: only PORTD_RAW_UNREAD is allowed");
    return 0;
}

int portd_get_raw_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                        const portd_id *expects, unsigned flags, portd_callback *callback, void *data,
                        portd_request **request) {
    const struct targets targets = {
        .owner = owner, .names = names, .n = n, .expects = expects, .raw = true, .unread = flags != 0};
    int r = raw_check(client, flags);

    if (r < 0)
        return r;

    return get_start(client, &targets, callback, data, request);
}

int portd_take_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                     const portd_id *expects, portd_callback *callback, void *data, portd_request **request) {
    const struct targets targets = {.owner = owner, .names = names, .n = n, .expects = expects, .take = true};

    return get_start(client, &targets, callback, data, request);
}

static int get_run(portd_client *client, const struct targets *targets, int64_t deadline, portd_native *fds,
                   portd_id *ids) {
    struct hold_call kept = {.fds = fds, .ids = ids};

    if (!fds)
        return client_fail(client, PORTD_E_INVALID, 0, "fds", "fds must not be NULL");
    for (size_t i = 0; i < targets->n; i++)
        fds[i] = -1;
    for (size_t i = 0; ids && i < targets->n; i++)
        ids[i] = 0;
    portd_client *asked = call_begin(&kept.call, client);
    kept.call.keep = keep_held;
    kept.call.exact = targets->take;
    int r = get_start(asked, targets, call_done, &kept.call, &kept.call.request);
    return call_end(&kept.call, r, deadline);
}

int portd_get(portd_client *client, const char *owner, const char *const *names, size_t n,
              const portd_id *expects, int64_t deadline, portd_native *fds, portd_id *ids) {
    const struct targets targets = {.owner = owner, .names = names, .n = n, .expects = expects};

    return get_run(client, &targets, deadline, fds, ids);
}

int portd_get_raw(portd_client *client, const char *owner, const char *const *names, size_t n,
                  const portd_id *expects, unsigned flags, int64_t deadline, portd_native *fds,
                  portd_id *ids) {
    const struct targets targets = {
        .owner = owner, .names = names, .n = n, .expects = expects, .raw = true, .unread = flags != 0};
    int r = raw_check(client, flags);

    if (r < 0)
        return r;

    return get_run(client, &targets, deadline, fds, ids);
}

int portd_take(portd_client *client, const char *owner, const char *const *names, size_t n,
               const portd_id *expects, int64_t deadline, portd_native *fds, portd_id *ids) {
    const struct targets targets = {.owner = owner, .names = names, .n = n, .expects = expects, .take = true};

    return get_run(client, &targets, deadline, fds, ids);
}

/* ---- drop and renew ----------------------------------------------------------------------------------------------- */

int portd_drop_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                     const portd_id *expects, portd_callback *callback, void *data, portd_request **request) {
    const struct targets targets = {.owner = owner, .names = names, .n = n, .expects = expects};
    Portd__V1__Drop drop = PORTD__V1__DROP__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    int r = targets_check(client, &targets);

    if (r < 0)
        return r;
    drop.owner = hold_name_text(owner);
    drop.names = names_of(&targets);
    drop.n_names = n;
    drop.expects = expects_of(&targets);
    drop.n_expects = n_expects_of(&targets);
    message.method_case = PORTD__V1__REQUEST__METHOD_DROP;
    message.drop = &drop;
    return submit_request(client, &message, OS_FD_NONE, NULL, callback, data, request);
}

int portd_drop(portd_client *client, const char *owner, const char *const *names, size_t n,
               const portd_id *expects, int64_t deadline) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    return call_end(&call, portd_drop_start(asked, owner, names, n, expects, call_done, &call, &call.request),
                    deadline);
}

int portd_renew_start(portd_client *client, const char *owner, const char *const *names, size_t n,
                      const portd_lease *lease, portd_callback *callback, void *data,
                      portd_request **request) {
    const struct targets targets = {.owner = owner, .names = names, .n = n};
    Portd__V1__Renew renew = PORTD__V1__RENEW__INIT;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    Portd__V1__Lease terms;
    os_fd process;
    int r = targets_check(client, &targets);

    if (r == 0)
        r = lease_read(client, lease, &terms, &process);
    if (r < 0)
        return r;
    renew.owner = hold_name_text(owner);
    renew.names = names_of(&targets);
    renew.n_names = n;
    if (lease)
        renew.lease = &terms;
    message.method_case = PORTD__V1__REQUEST__METHOD_RENEW;
    message.renew = &renew;
    return submit_request(client, &message, process, NULL, callback, data, request);
}

int portd_renew(portd_client *client, const char *owner, const char *const *names, size_t n,
                const portd_lease *lease, int64_t deadline) {
    struct call call;
    portd_client *asked = call_begin(&call, client);

    return call_end(&call, portd_renew_start(asked, owner, names, n, lease, call_done, &call, &call.request),
                    deadline);
}
