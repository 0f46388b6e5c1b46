/* load.c: a client: works until the broker is dead, and says so; again and again. */
#define _GNU_SOURCE
#include "crash.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const int64_t HOUR_US = INT64_C(3600000000);

const char *const op_names[OPS] = {"none",  "put", "bundle", "replace", "take",   "drop", "drop-all",
                                   "renew", "get", "write",  "list",    "object", "ping", "short"};

enum { LOST_CONNECTION = 0, GOES_ON = 1 };

static void rest(long us) {
    struct timespec time = {0, us * 1000};
    (void)nanosleep(&time, NULL);
}

static bool is_lost(int code) { return code == PORTD_E_DISCONNECTED || code == PORTD_E_UNCERTAIN; }

/* Counts what was answered. False: the connection is lost, or the answer is none that may be. */
static bool answered(struct client *client, const char *what, int code) {
    if (is_lost(code)) {
        atomic_store(&client->in_flight, 1);
        return false;
    }
    if (code < 0) {
        client_fail(client, "%s: %s: %s", what, portd_code_name(code), portd_last_error(client->portd));
        return false;
    }
    atomic_fetch_add(&world->answered, 1);
    return true;
}

/* ---- operations --------------------------------------------------------------------------------------------------- */

/* Chooses up to `most` slots that are held (or that are not, or any). */
static void choose(struct client *client, size_t most, int held) {
    size_t first = client_random(client, SHORT);
    client->n = 0;
    for (size_t i = 0; i < SHORT && client->n < most; i++) {
        size_t slot = (first + i) % SHORT;
        if (held < 0 || (client->slots[slot].id != 0) == held)
            client->at[client->n++] = slot;
    }
}

struct request {
    char text[SLOTS][32];
    const char *names[SLOTS];
    portd_native fds[SLOTS];
    portd_id ids[SLOTS], expects[SLOTS];
};

static void name_all(const struct client *client, struct request *request) {
    for (size_t i = 0; i < client->n; i++) {
        client_name(client, client->at[i], request->text[i]);
        request->names[i] = request->text[i];
        request->expects[i] = client->slots[client->at[i]].id;
    }
}

/* A lease: none, an hour, or the process. */
static portd_lease lease_of(struct client *client, enum op op, bool *process) {
    portd_lease lease = PORTD_LEASE_INIT;
    uint64_t what = client_random(client, 4);
    *process = false;
    if (op == OP_SHORT)
        lease.ttl_us = 30000 + client_random(client, 400000);
    else if (what == 0)
        lease.ttl_us = (uint64_t)HOUR_US;
    else if (what == 1)
        lease.process = (portd_native)syscall(SYS_pidfd_open, world->process, 0);
    *process = lease.process >= 0;
    return lease;
}

static void set_lease(struct client *client, const portd_lease *lease, bool process, int64_t before,
                      int64_t after) {
    for (size_t i = 0; i < client->n; i++) {
        client->to[i].least = lease->ttl_us ? before + (int64_t)lease->ttl_us : 0;
        client->to[i].most = lease->ttl_us ? after + (int64_t)lease->ttl_us : 0;
        client->to[i].process = process;
    }
}

static void commit(struct client *client) {
    for (size_t i = 0; i < client->n; i++)
        client->slots[client->at[i]] = client->to[i];
    client->op = OP_NONE;
    client->n = 0;
}

static void forget(struct client *client) {
    client->op = OP_NONE;
    client->n = 0;
}

static bool do_put(struct client *client, enum op op) {
    struct request request;
    bool process;
    size_t made = 0;
    name_all(client, &request);
    for (; made < client->n; made++) {
        struct slot *to = &client->to[made];
        *to =
            (struct slot){.kind = client->at[made] == FIXED ? KIND_PIPE : (int)client_random(client, KINDS)};
        request.fds[made] = model_make(client, to);
        if (request.fds[made] < 0) {
            client_fail(client, "cannot make a descriptor");
            return false;
        }
    }
    portd_lease lease = lease_of(client, op, &process);
    if (client->at[0] == FIXED) {
        if (process)
            (void)close((int)lease.process);
        lease = (portd_lease)PORTD_LEASE_INIT;
        process = false;
    }
    client->op = op;
    int64_t before = portd_now();
    set_lease(client, &lease, process, before, before + 2 * PATIENCE_US);
    int code = portd_put(client->portd, NULL, request.names, request.fds, client->n,
                         op == OP_PUT || op == OP_SHORT ? NULL : request.expects, &lease, client_soon(),
                         request.ids);
    set_lease(client, &lease, process, before, portd_now());
    while (made > 0)
        (void)close((int)request.fds[--made]);
    if (process)
        (void)close((int)lease.process);
    if (code == PORTD_E_DISCONNECTED)
        forget(client); /* it was not sent */
    if (!answered(client, op_names[op], code))
        return false;
    for (size_t i = 0; i < client->n; i++) {
        client->to[i].id = request.ids[i];
        model_issued(client, request.ids[i]);
    }
    commit(client);
    return true;
}

/* A take is certain when a later request is answered. */
static bool do_take(struct client *client) {
    struct request request;
    name_all(client, &request);
    memset(client->to, 0, sizeof client->to);
    client->op = OP_TAKE;
    int code = portd_take(client->portd, NULL, request.names, client->n, request.expects, client_soon(),
                          request.fds, request.ids);
    if (code == PORTD_E_DISCONNECTED)
        forget(client);
    if (!answered(client, "take", code))
        return false;
    for (size_t i = 0; i < client->n; i++) {
        if (!model_is(client, &client->slots[client->at[i]], (int)request.fds[i]))
            client_fail(client, "%s, which was taken, is another file", request.names[i]);
        (void)close((int)request.fds[i]);
    }
    if (!answered(client, "ping", portd_ping(client->portd, client_soon())))
        return false;
    commit(client);
    return true;
}

static bool do_drop(struct client *client, enum op op) {
    struct request request;
    name_all(client, &request);
    memset(client->to, 0, sizeof client->to);
    client->op = op;
    if (!answered(client, "drop",
                  portd_drop(client->portd, NULL, request.names, client->n, request.expects, client_soon())))
        return false;
    commit(client);
    return true;
}

static bool do_renew(struct client *client) {
    struct request request;
    bool process;
    name_all(client, &request);
    for (size_t i = 0; i < client->n; i++)
        client->to[i] = client->slots[client->at[i]];
    portd_lease lease = lease_of(client, OP_RENEW, &process);
    client->op = OP_RENEW;
    int64_t before = portd_now();
    int code = portd_renew(client->portd, NULL, request.names, client->n, &lease, client_soon());
    set_lease(client, &lease, process, before, portd_now());
    if (process)
        (void)close((int)lease.process);
    if (!answered(client, "renew", code))
        return false;
    commit(client);
    return true;
}

static bool do_get(struct client *client) {
    struct request request;
    name_all(client, &request);
    if (!answered(client, "get",
                  portd_get(client->portd, NULL, request.names, client->n, request.expects, client_soon(),
                            request.fds, NULL)))
        return false;
    for (size_t i = 0; i < client->n; i++) {
        if (!model_is(client, &client->slots[client->at[i]], (int)request.fds[i]))
            client_fail(client, "%s is another file", request.names[i]);
        (void)close((int)request.fds[i]);
    }
    forget(client);
    return true;
}

/* Bytes through a port of the first pipe that is held. */
static bool do_write(struct client *client) {
    uint8_t bytes[32];
    char name[32];
    portd_id out = 0, in = 0;
    size_t count = 0, n = 1 + client_random(client, sizeof bytes), i = 0;
    while (i < SHORT &&
           (!client->slots[i].id || client->slots[i].kind != KIND_PIPE || client->slots[i].bytes > 2000))
        i++;
    if (i == SHORT)
        return true;
    struct slot *slot = &client->slots[i];
    client_name(client, i, name);
    for (size_t k = 0; k < n; k++)
        bytes[k] = (uint8_t)(slot->tag * 31 + slot->bytes + k);
    if (!answered(client, "port",
                  portd_hold_to_port(client->portd, NULL, name, PORTD_WRITE, client_soon(), &in, &out)))
        return false;
    slot->maybe = slot->bytes + (uint32_t)n;
    if (!answered(client, "write", portd_port_write(client->portd, out, bytes, n, client_soon(), &count)))
        return false;
    slot->bytes += (uint32_t)count;
    slot->maybe = slot->bytes;
    return answered(client, "close", portd_port_close(client->portd, out, client_soon())) &&
           answered(client, "release", portd_release(client->portd, &out, 1, client_soon()));
}

static bool do_list(struct client *client) {
    portd_list *list = NULL;
    int code = portd_list_holds(client->portd, NULL, client_soon(), &list);
    portd_list_free(list);
    return answered(client, "list", code);
}

static bool do_object(struct client *client) {
    portd_native handle = -1;
    portd_ready ready = {0};
    portd_id evt = 0;
    char name[32];
    client_name(client, FIXED, name);
    if (!answered(client, "event",
                  portd_hold_to_evt(client->portd, NULL, name, PORTD_MODE_READ, client_soon(), &evt)))
        return false;
    int code = portd_handle_dup(client->portd, evt, client_soon(), &handle);
    if (handle != -1)
        (void)close((int)handle);
    if (!answered(client, "handle", code))
        return false;
    code = portd_wait(client->portd, &evt, 1, 0, portd_now() + 1000, &ready);
    if (code > 0 && ready.cause == PORTD_CAUSE_DISCONNECTED)
        code = PORTD_E_DISCONNECTED;
    else if (code > 0)
        client_fail(client, "an event of an empty pipe: %s", portd_cause_name(ready.cause));
    return answered(client, "wait", code) &&
           answered(client, "remove", portd_remove(client->portd, evt, client_soon())) &&
           answered(client, "release", portd_release(client->portd, &evt, 1, client_soon()));
}

/* Puts what expires soon, or looks whether it is still there. */
static bool do_short(struct client *client) {
    struct slot *slot = &client->slots[SHORT];
    portd_native fd = -1;
    const char *list;
    char name[32];
    client->at[0] = SHORT;
    client->n = 1;
    if (!slot->id)
        return do_put(client, OP_SHORT);
    forget(client);
    client_name(client, SHORT, name);
    list = name;
    int64_t before = portd_now();
    int code = portd_get(client->portd, NULL, &list, 1, NULL, client_soon(), &fd, NULL);
    if (code == PORTD_E_NOT_FOUND) {
        if (portd_now() < slot->least)
            client_fail(client, "LOST: %s before the end of its lease", name);
        slot->id = 0;
        return answered(client, "get", 0);
    }
    if (!answered(client, "get", code))
        return false;
    if (!model_is(client, slot, (int)fd))
        client_fail(client, "%s is another file", name);
    (void)close((int)fd);
    if (before > slot->most + PATIENCE_US / 2)
        client_fail(client, "%s is held long after its lease", name);
    return true;
}

/* Makes what the operation needs. False: the connection is lost. */
static bool prepare(struct client *client, enum op op) {
    static const size_t most[OPS] = {[OP_PUT] = 1,  [OP_BUNDLE] = 6,   [OP_REPLACE] = 1, [OP_TAKE] = 2,
                                     [OP_DROP] = 1, [OP_DROP_ALL] = 4, [OP_RENEW] = 3,   [OP_GET] = 5};
    if (!most[op])
        return true;
    int held = op == OP_PUT ? 0 : op == OP_BUNDLE ? -1 : 1;
    choose(client, most[op], held);
    if (client->n)
        return true;
    if (held) {
        choose(client, 3, 0);
        if (!do_put(client, OP_BUNDLE))
            return false;
    } else {
        choose(client, 1, 1);
        if (!do_drop(client, OP_DROP))
            return false;
    }
    choose(client, most[op], held);
    return true;
}

static bool carry_out(struct client *client, enum op op) {
    switch (op) {
    case OP_PUT:
    case OP_BUNDLE:
    case OP_REPLACE:
        return do_put(client, op);
    case OP_TAKE:
        return do_take(client);
    case OP_DROP:
    case OP_DROP_ALL:
        return do_drop(client, op);
    case OP_RENEW:
        return do_renew(client);
    case OP_GET:
        return do_get(client);
    case OP_WRITE:
        return do_write(client);
    case OP_LIST:
        return do_list(client);
    case OP_OBJECT:
        return do_object(client);
    case OP_SHORT:
        return do_short(client);
    default:
        return answered(client, "ping", portd_ping(client->portd, client_soon()));
    }
}

/* ---- rounds ------------------------------------------------------------------------------------------------------- */

struct parked {
    struct client *client;
    int answers, cause;
};

static void on_wait(portd_client *portd, const portd_result *result, void *data) {
    struct parked *parked = data;
    (void)portd;
    parked->answers++;
    parked->cause = result->code > 0 ? result->ready->cause : result->code;
}

/* A wait for what never comes. */
static bool park(struct client *client, struct parked *parked) {
    portd_id semaphore = 0;
    char name[32];
    if (!client->slots[FIXED].id) {
        client->at[0] = FIXED;
        client->n = 1;
        if (!do_put(client, OP_PUT))
            return false;
    }
    client_name(client, FIXED, name);
    if (!answered(
            client, "semaphore",
            portd_hold_to_semaphore(client->portd, NULL, name, PORTD_MODE_READ, client_soon(), &semaphore)))
        return false;
    model_issued(client, semaphore);
    client->semaphore = semaphore;
    if (portd_wait_start(client->portd, &semaphore, 1, 0, PORTD_FOREVER, on_wait, parked, NULL) != 1)
        return false;
    parked->client = client;
    atomic_store(&client->n_waits, 1);
    return true;
}

static bool hold_back(struct client *client) {
    int code = 0;
    atomic_store(&client->held_back, true);
    while (atomic_load(&world->hold) && !atomic_load(&client->command) && code >= 0)
        code = portd_poll(client->portd, portd_now() + 2000);
    atomic_store(&client->held_back, false);
    return code >= 0;
}

/* What the campaign wants, which is to end at a step. */
static bool obey(struct client *client) {
    enum op op = (enum op)atomic_load(&client->command);
    if (!prepare(client, op))
        return false;
    kill_arm(kill_page, atomic_load(&client->target), atomic_load(&client->after));
    if (!carry_out(client, op) || !answered(client, "ping", portd_ping(client->portd, client_soon())))
        return false;
    kill_disarm(kill_page);
    atomic_store(&client->command, OP_NONE);
    return true;
}

static void work(struct client *client) {
    struct parked parked = {0};
    bool goes_on = park(client, &parked);
    if (goes_on)
        atomic_store(&client->running, client->round);
    while (goes_on && !atomic_load(&client->failed)) {
        if (atomic_load(&client->command))
            goes_on = obey(client);
        else if (atomic_load(&world->hold))
            goes_on = hold_back(client);
        else {
            enum op op = (enum op)(OP_PUT + client_random(client, OPS - OP_PUT));
            goes_on = prepare(client, op) && carry_out(client, op);
            rest((long)client_random(client, 300));
        }
        if (goes_on && parked.answers)
            client_fail(client, "a wait for nothing was answered: %d", parked.cause);
    }
    atomic_store(&client->command, OP_NONE);
    for (int i = 0; i < 1000 && parked.client && !parked.answers && portd_process(client->portd) > 0; i++)
        ;
    if (parked.client && parked.answers != 1)
        client_fail(client, "SILENT: a wait has %d answers", parked.answers);
    else if (parked.client && parked.cause != PORTD_CAUSE_DISCONNECTED)
        client_fail(client, "a wait was answered with %d", parked.cause);
}

/* The wait goes on with the next broker, of which the client is told by another number of the connection. */
static void only_wait(struct client *client) {
    const char *name = "c0/12";
    struct parked parked = {0};
    portd_id evt = 0, again = 0;
    int code = PORTD_E_NOT_FOUND;
    while (code == PORTD_E_NOT_FOUND && !atomic_load(&world->finish)) {
        code = portd_hold_to_evt(client->portd, NULL, name, PORTD_MODE_READ, client_soon(), &evt);
        rest(500);
    }
    if (code != 1 || portd_wait_start(client->portd, &evt, 1, 0, PORTD_FOREVER, on_wait, &parked, NULL) != 1)
        return;
    atomic_store(&client->n_waits, 1);
    atomic_store(&client->running, client->round);
    portd_native number = portd_get_fd(client->portd);
    code = 0;
    while (code >= 0 && portd_get_fd(client->portd) == number)
        code = portd_poll(client->portd, portd_now() + 2000);
    if (code >= 0)
        code = portd_hold_to_evt(client->portd, NULL, name, PORTD_MODE_READ, client_soon(), &again);
    if (code < 0)
        client_fail(client, "LOST: a session is not resumed: %s", portd_last_error(client->portd));
    else if (again != evt)
        client_fail(client, "LOST: an event is another one after the broker's death");
    else if (parked.answers)
        client_fail(client, "a wait for nothing: %d", parked.cause);
}

static bool is_stale(const struct client *client) {
    return atomic_load(&world->round) != client->round || atomic_load(&world->finish);
}

/* The session of the connection that was lost: its semaphore is there, if it was acknowledged; it is ended. False: the connection was lost, or
 * the client has failed. */
static bool settle(struct client *client) {
    portd_options options = PORTD_OPTIONS_INIT;
    portd_client *portd = NULL;
    portd_ready ready = {0};
    if (!*client->token)
        return true;
    options.token = client->token;
    options.no_resume = true;
    int code = portd_connect(world->address, &options, client_soon(), &portd);
    if (code == PORTD_E_NOT_FOUND) {
        if (client->semaphore && !client->ends)
            client_fail(client, "LOST: a session with a semaphore that was acknowledged");
        *client->token = 0;
        return !client->semaphore || client->ends;
    }
    if (code == 1 && client->semaphore && !client->ends) {
        code = portd_wait(portd, &client->semaphore, 1, 0, 0, &ready);
        if (code == PORTD_E_NOT_FOUND || (code == 1 && ready.cause != PORTD_CAUSE_DISCONNECTED))
            client_fail(client, "LOST: a semaphore that was acknowledged: %d, %d", code, ready.cause);
        code = code == 0 ? 1 : PORTD_E_DISCONNECTED;
    }
    if (code == 1) {
        client->ends = true;
        code = portd_end_session(portd, 0, client_soon());
    }
    portd_disconnect(portd);
    if (code == 1)
        *client->token = 0;
    return code == 1;
}

static void remember(struct client *client) {
    (void)snprintf(client->token, sizeof client->token, "%s", portd_session_token(client->portd));
    client->semaphore = 0;
    client->ends = false;
}

/* The next broker has all that is the client's. */
static bool reach(struct client *client) {
    int64_t end = client_soon();
    for (;;) {
        portd_options options = PORTD_OPTIONS_INIT;
        char message[200] = "";
        options.message = message;
        options.message_size = sizeof message;
        options.no_resume = client->number != WAITER;
        options.fd_changes = true;
        int code = settle(client) ? portd_connect(world->address, &options, client_soon(), &client->portd)
                                  : PORTD_E_DISCONNECTED;
        if (code == 1)
            remember(client);
        if (code == 1 && model_check(client))
            return true;
        if (atomic_load(&client->failed))
            return false;
        portd_disconnect(client->portd);
        client->portd = NULL;
        if (portd_now() > end) {
            client_fail(client, "no broker answers: %s: %s", portd_code_name(code), message);
            return false;
        }
    }
}

static void drop_everything(struct client *client) {
    while (client->number != WAITER) {
        client->n = 0;
        for (size_t i = 0; i < SLOTS; i++)
            if (client->slots[i].id && i != SHORT)
                client->at[client->n++] = i;
        if (!client->n || !do_drop(client, OP_DROP_ALL))
            return;
    }
}

int load_run(void *data) {
    struct client *client = data;
    if (client->number == STRANGER && geteuid() == 0 &&
        (setgroups(0, NULL) || setgid(STRANGER_UID) || setuid(STRANGER_UID)))
        client_fail(client, "cannot be another user");
    while (!atomic_load(&world->finish) && !atomic_load(&client->failed)) {
        if (atomic_load(&world->round) == client->round) {
            rest(300);
            continue;
        }
        client->round = atomic_load(&world->round);
        if (!reach(client))
            return 1;
        atomic_store(&client->checked, client->round);
        while (atomic_load(&world->run) != client->round && !is_stale(client))
            rest(300);
        if (atomic_load(&world->finish))
            drop_everything(client);
        else if (atomic_load(&world->run) == client->round && client->number == WAITER)
            only_wait(client);
        else if (atomic_load(&world->run) == client->round)
            work(client);
        portd_disconnect(client->portd);
        client->portd = NULL;
        atomic_store(&client->down, client->round);
    }
    return atomic_load(&client->failed);
}
