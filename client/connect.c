/* connect.c: finding a broker, and hello.
 *
 * The search tries one address after the other and records why each failed, so that the message of a failure lists all
 * of them. The client is made once there is a connection. Hello is a request like others, but all others stay in the
 * queue until it is answered. */
#include "call.h"
#include "client.h"
#include "installation.h"
#include "naming.h"
#include "start.h"
#include "submit.h"

#include "proto/status.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
    VERSION = 1,
    NAME_MAX_BYTES = 64,
    ROOM_US = 100 * 1000,       /* that a call which does not wait waits for room in a listen queue */
    TRIES = 8,                  /* attempts at a broker that closes the connection before it replies */
    AGAIN_US = 10 * 1000,       /* pause after the first of them; grows with each */
    START_US = 10 * 1000 * 1000 /* limit for starting a broker when there is no deadline */
};

struct search {
    portd_options options;
    int64_t deadline; /* 0: do not wait */
    struct failure failure;
    size_t noted;
    char notes[700]; /* "unix:/a: no such socket; unix:/b: nobody listens" */
    char address[ADDRESS_MAX];
    bool denied; /* an address refused this user with EACCES: a broker may listen there */
    bool full;   /* the listen queue was full until the deadline: a broker listens there */
    struct transport connection;
};

/* ---- options ------------------------------------------------------------------------------------------------------ */

static int search_fail(struct search *search, int code, const char *field, const char *message,
                       const char *hint) {
    return failure_set(&search->failure, code, 0, field, message, hint);
}

/* The size of the first version of the struct. A program compiled with an earlier header passes a shorter struct; the
 * members it lacks have their defaults. */
enum { OPTIONS_FIRST = offsetof(portd_options, message_size) + sizeof(size_t) };

/* Whether a program compiled with a later header has set an option that this library does not know. */
static bool options_unknown(const portd_options *options) {
    const unsigned char *bytes = (const unsigned char *)options;

    for (size_t i = sizeof(*options); i < options->size; i++)
        if (bytes[i] != 0)
            return true;
    return false;
}

static int options_take(struct search *search, const portd_options *options) {
    const portd_options usual = PORTD_OPTIONS_INIT;
    portd_options *own = &search->options;

    *own = usual;
    if (!options)
        return 0;
    if (options->size < OPTIONS_FIRST)
        return search_fail(search, PORTD_E_INVALID, "size",
                           "options were not initialized with PORTD_OPTIONS_INIT", NULL);
    memcpy(own, options, options->size < sizeof(*own) ? options->size : sizeof(*own));
    if (options_unknown(options))
        return search_fail(search, PORTD_E_UNSUPPORTED, NULL, "an option requires a newer library", NULL);
    if (own->name && (strlen(own->name) > NAME_MAX_BYTES || !status_utf8(own->name)))
        return search_fail(search, PORTD_E_INVALID, "name", "the name must be UTF-8 of at most 64 bytes",
                           NULL);
    if (own->token && (!*own->token || !status_utf8(own->token)))
        return search_fail(search, PORTD_E_INVALID, "token", "not a session token", NULL);
    bool owned = own->owner_pid != 0 || own->n_owner_pids > 0;
    if (own->n_owner_pids > PORTD_OWNERS_MAX || (own->n_owner_pids > 0 && !own->owner_pids))
        return search_fail(search, PORTD_E_INVALID, "owner_pids", "expected 1 to 8 owners", NULL);
    if (own->owner_pid != 0 && own->n_owner_pids > 0)
        return search_fail(search, PORTD_E_INVALID, "owner_pids", "duplicate owner", NULL);
    if (own->token && owned)
        return search_fail(search, PORTD_E_INVALID, "token", "token and owner are mutually exclusive", NULL);
    if (own->new_session && !owned)
        return search_fail(search, PORTD_E_INVALID, "new_session", "new_session requires an owner", NULL);
    if (own->find_session && !owned)
        return search_fail(search, PORTD_E_INVALID, "find_session", "find_session requires an owner", NULL);
    if (own->numbers_nobody && own->numbers_pid != 0)
        return search_fail(search, PORTD_E_INVALID, "numbers_pid",
                           "numbers_pid and numbers_nobody are mutually exclusive", NULL);
    if (own->ttl_us < 0)
        return search_fail(search, PORTD_E_INVALID, "ttl_us", "the time to live must not be negative", NULL);
    return 0;
}

/* ---- finding ------------------------------------------------------------------------------------------------------ */

static void search_note(struct search *search, const char *address, const char *reason) {
    size_t room = sizeof(search->notes) - search->noted;
    int n = snprintf(search->notes + search->noted, room, "%s%s: %s", search->noted > 0 ? "; " : "", address,
                     reason);

    if (n > 0)
        search->noted += (size_t)n < room ? (size_t)n : room - 1;
}

static bool search_try(struct search *search, const char *address) {
    char reason[256];
    int r = transport_connect_by(address, search->deadline, &search->connection);

    if (r == 0) {
        snprintf(search->address, sizeof(search->address), "%s", address);
        return true;
    }
    search->denied = search->denied || r == -EACCES;
    search->full = r == -EAGAIN;
    start_reason(address, r, reason, sizeof(reason));
    search_note(search, address, reason);
    return false;
}

/* Whether other processes may share the connection. */
static bool search_inherited(const struct search *search) { return strncmp(search->address, "fd:", 3) == 0; }

/* The failure after no address answered. */
static int search_failed(struct search *search, const char *field, const char *hint) {
    if (search->full)
        return search_fail(search, PORTD_E_TIMEOUT, field, search->notes, NULL);
    if (search->denied)
        return search_fail(search, PORTD_E_DENIED, field, search->notes,
                           "the file modes of the socket and of its directory decide who may connect");
    return search_fail(search, PORTD_E_UNREACHABLE, field, search->notes, hint);
}

static int search_one(struct search *search, const char *address, const char *field) {
    struct address parsed;
    const char *fault = address_parse(address, &parsed);

    if (fault) {
        search_note(search, address, fault);
        return search_fail(search, PORTD_E_INVALID, field, search->notes, NULL);
    }
    if (search_try(search, address))
        return 0;
    return search_failed(search, field, "check whether portd is running there");
}

static const char *hint_folder(int error) {
    return error == -EPERM ? "set XDG_RUNTIME_DIR, or TMPDIR if that is not set, to a directory of this user"
                           : "XDG_RUNTIME_DIR, if set, else TMPDIR must name a directory in which this user "
                             "can create a directory";
}

/* looked: the result of address_user before, whose reason has been noted if it is below 0. */
static int search_start(struct search *search, int looked) {
    const char *daemon = search->options.daemon ? search->options.daemon : start_variable("PORTD_DAEMON");
    char address[ADDRESS_MAX], program[ADDRESS_MAX], why[512] = "";
    const char *hint = "set PORTD_DAEMON to the path of portd";
    int r = address_user(address, 1);

    if (!daemon)
        daemon = installation_daemon(program);
    if (!daemon) {
        daemon = PORTD_DAEMON_PATH;
        hint = installation_hint();
    }
    if (r < 0) {
        if (r == -ENOENT || r != looked) { /* it could be looked at, or is not there, and cannot be created */
            snprintf(why, sizeof(why), "its directory cannot be created: %s", os_error_text(-r));
            search_note(search, *address ? address : "the user's broker", why);
        }
        hint = hint_folder(r);
    } else {
        r = start_broker(address, daemon, search->deadline, &search->connection, why, sizeof(why));
        if (r == 0) {
            memcpy(search->address, address, sizeof(address));
            return 0;
        }
        search_note(search, "starting the user's broker", why);
    }
    if (r == -ETIMEDOUT)
        return search_fail(search, PORTD_E_TIMEOUT, NULL, search->notes, NULL);
    return search_fail(search, PORTD_E_UNREACHABLE, NULL, search->notes, hint);
}

static int search_all(struct search *search) {
    char address[ADDRESS_MAX], reason[256];
    int r = address_user(address, 0);

    if (r == 0 && search_try(search, address))
        return 0;
    if (r < 0) {
        start_reason_user(address, r, reason, sizeof(reason));
        search_note(search, *address ? address : "the user's broker", reason);
    }
    if (!search->full && search_try(search, address_system()))
        return 0;
    if (!search->full && search->options.start)
        return search_start(search, r);
    return search_failed(
        search, NULL, r == -EPERM ? hint_folder(r) : "start one with portd or systemctl start portd.socket");
}

static int search_run(struct search *search, const char *address) {
    if (address)
        return search_one(search, address, "address");
    address = start_variable("PORTD_ADDRESS");
    return address ? search_one(search, address, "PORTD_ADDRESS") : search_all(search);
}

/* ---- hello -------------------------------------------------------------------------------------------------------- */

/* Copies the token and the features into client->welcome. */
static int welcome_keep(portd_client *client, const Portd__V1__Welcome *welcome) {
    size_t size = strlen(welcome->token) + 2;

    for (size_t i = 0; i < welcome->n_features; i++)
        size += strlen(welcome->features[i]) + 1;
    char *at = client->welcome = memory_get(&client->memory, size);
    if (!at)
        return PORTD_E_MEMORY;
    at = strcpy(at, welcome->token) + strlen(welcome->token) + 1;
    for (size_t i = 0; i < welcome->n_features; i++)
        at = strcpy(at, welcome->features[i]) + strlen(welcome->features[i]) + 1;
    *at = '\0';
    return 0;
}

static int read_welcome(portd_client *client, const portd_request *request, const Portd__V1__Reply *reply,
                        struct channel_frame *frame, portd_result *result) {
    const Portd__V1__Welcome *welcome = reply->hello;

    (void)request;
    (void)frame;
    if (welcome->version != VERSION)
        return PORTD_E_VERSION;
    int r = welcome_keep(client, welcome);
    if (r < 0)
        return r;
    client->session = result->id = welcome->session;
    client->joined = welcome->joined;
    client->attaches_epolls = portd_broker_has_feature(client, "handle-attach");
    client->attaches_eventfds = portd_broker_has_feature(client, "handle-attach-eventfd");
    client->holds = portd_broker_has_feature(client, "hold");
    client->requests.window = welcome->window > 0 ? welcome->window : 1;
    client->greeted = true;
    return 1;
}

/* The schema's strings are not const; packing only reads them. */
static char *text(const char *value) { return (char *)(uintptr_t)value; }

static int hello_start(portd_client *client, const portd_options *options, portd_callback *callback,
                       void *data, portd_request **request) {
    Portd__V1__Hello hello;
    Portd__V1__Request message = PORTD__V1__REQUEST__INIT;
    struct naming naming = {.hello = &hello};

    portd__v1__hello__init(&hello);
    int r = naming_fill(&naming, client, options);
    hello.version_min = hello.version_max = VERSION;
    if (options->name)
        hello.client = text(options->name);
    if (options->token)
        hello.token = text(options->token);
    hello.new_ = options->new_session;
    hello.find = options->find_session;
    hello.reach = options->reach;
    hello.private_ = options->private_session;
    hello.ttl_us = (uint64_t)options->ttl_us;
    message.method_case = PORTD__V1__REQUEST__METHOD_HELLO;
    message.hello = &hello;
    client->attached = naming.fds;
    client->n_attached = naming.n_fds;
    if (r == 0)
        r = submit_request(client, &message, OS_FD_NONE, read_welcome, callback, data, request);
    client->n_attached = 0;
    naming_close(&naming);
    return r;
}

/* ---- connecting --------------------------------------------------------------------------------------------------- */

/* Copies the failure's text to the buffer that the options give, and returns code. */
static int tell(const portd_options *options, const struct failure *failure, int code) {
    if (options->message && options->message_size > 0)
        snprintf(options->message, options->message_size, "%s%s%s", failure->message,
                 *failure->hint ? "; " : "", failure->hint);
    return code;
}

/* Finds a broker, connects and makes the client, without hello. */
static int client_open(struct search *search, const char *address, const portd_options *options,
                       int64_t deadline, portd_client **client) {
    *search = (struct search){.deadline = deadline > 0 ? deadline : 0, .connection = transport_none()};
    int r = options_take(search, options);
    if (r == 0)
        r = search_run(search, address);
    if (r < 0)
        return tell(&search->options, &search->failure, r);
    r = client_new(&search->options, client);
    if (r < 0) {
        transport_close(search->connection);
        r = failure_set(&search->failure, error_of_errno(r), -r, NULL, os_error_text(-r), NULL);
        return tell(&search->options, &search->failure, r);
    }
    client_attach(*client, search->connection, search->address);
    if (search->options.no_wakeup && !search_inherited(search))
        client_sleep_in_read(*client);
    return 0;
}

/* One attempt. *again: the connection ended before the broker replied, so another attempt may succeed. */
static int connect_once(const char *address, const portd_options *options, int64_t deadline,
                        portd_client **client, bool *again) {
    struct search search;
    struct call call;
    portd_client *made;
    int r = client_open(&search, address, options, deadline, &made);

    if (r < 0)
        return r;
    r = call_end(&call,
                 hello_start(call_begin(&call, made), &search.options, call_done, &call, &call.request),
                 deadline);
    if (r > 0) {
        *client = made;
        return r;
    }
    /* An inherited connection cannot be made again. */
    *again = r == PORTD_E_DISCONNECTED && made->lost && !search_inherited(&search);
    tell(&search.options, &made->failure, r);
    portd_disconnect(made);
    return r;
}

/* When a broker exits, connections in its listen queue end without a reply. Shortly afterwards the address is free, so a
 * broker can be started, or another one listens there: try again. */
int portd_connect(const char *address, const portd_options *options, int64_t deadline,
                  portd_client **client) {
    if (!client)
        return PORTD_E_INVALID;
    *client = NULL;
    for (int tries = 1;; tries++) {
        bool again = false;
        int r = connect_once(address, options, deadline, client, &again);
        if (!again || tries == TRIES || os_now_us() >= deadline)
            return r;
        start_pause(tries * AGAIN_US);
    }
}

int portd_connect_start(const char *address, const portd_options *options, portd_callback *callback,
                        void *data, portd_client **client) {
    struct search search;
    portd_client *made;

    if (!client)
        return PORTD_E_INVALID;
    *client = NULL;
    int64_t deadline = os_now_us() + (options && options->start ? START_US : ROOM_US);
    int r = client_open(&search, address, options, deadline, &made);
    if (r < 0)
        return r;
    r = hello_start(made, &search.options, callback, data, NULL);
    if (r > 0) {
        *client = made;
        return r;
    }
    tell(&search.options, &made->failure, r);
    portd_disconnect(made);
    return r;
}

portd_id portd_session_id(const portd_client *client) { return client ? client->session : 0; }

bool portd_session_joined(const portd_client *client) { return client && client->joined; }

const char *portd_session_token(const portd_client *client) {
    return client && client->welcome ? client->welcome : "";
}
