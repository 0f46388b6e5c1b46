/* client.c: the life of a client, and the rounds it is run in. */
#include "client.h"

#include "reply.h"
#include "send.h"

#include <errno.h>
#include <string.h>

/* ---- life --------------------------------------------------------------------------------------------------------- */

static void client_free(portd_client *client);

int client_new(const portd_options *options, portd_client **made) {
    const struct memory memory = {.allocate = options->allocate, .context = options->context};
    portd_client *client = memory_get(&memory, sizeof(*client));

    if (!client)
        return -ENOMEM;
    memset(client, 0, sizeof(*client));
    client->memory = memory;
    client->log = options->log;
    client->fd = client->wakeup.handle = OS_FD_NONE;
    client->reason = "";
    requests_init(&client->requests);
    process_mark_init(&client->mark);
    int r = wakeup_init(&client->wakeup);
    if (r == 0)
        r = channel_scratch_init_in(&client->scratch, &client->memory);
    if (r == 0)
        r = arena_init_in(&client->arena, &client->memory);
    if (r < 0) {
        client_free(client);
        return r;
    }
    channel_init(&client->channel, OS_FD_NONE, &client->scratch, FRAME_LONG_MAX);
    *made = client;
    return 0;
}

void client_attach(portd_client *client, os_fd connection, const char *address) {
    client->fd = client->channel.fd = connection;
    memcpy(client->address, address, strlen(address) + 1);
}

static void discard(void *context, os_fd fd) {
    (void)context;
    os_close(fd);
}

static void client_free(portd_client *client) {
    if (client->channel.scratch)
        channel_deinit(&client->channel, discard, NULL);
    channel_scratch_deinit(&client->scratch);
    arena_deinit(&client->arena);
    requests_deinit(client);
    wakeup_deinit(&client->wakeup);
    process_mark_deinit(&client->mark);
    os_close(client->fd);
    memory_free(&client->memory, client->welcome);
    memory_free(&client->memory, client);
}

void portd_disconnect(portd_client *client) {
    if (!client)
        return;
    if (process_is_child(&client->mark)) {
        client_free(client);
        return;
    }
    client->closing = true;
    if (client->entered > 0)
        return;
    client_enter(client);
    client_lose(client, "the client has disconnected");
    client_leave(client, 0);
}

void client_enter(portd_client *client) { client->entered++; }

int client_leave(portd_client *client, int code) {
    if (--client->entered == 0 && client->closing)
        client_free(client);
    return code;
}

/* ---- state -------------------------------------------------------------------------------------------------------- */

int client_fail(portd_client *client, int code, int os_errno, const char *field, const char *message) {
    return client ? failure_set(&client->failure, code, os_errno, field, message, NULL) : code;
}

int client_check(portd_client *client) {
    if (!client)
        return PORTD_E_INVALID;
    if (process_is_child(&client->mark))
        return client_fail(client, PORTD_E_FORKED, 0, NULL, NULL);
    if (client->lost || client->closing)
        return client_fail(client, PORTD_E_DISCONNECTED, client->write_errno, NULL, client->reason);
    client->now = 0;
    return 0;
}

int client_check_ids(portd_client *client, const portd_id *ids, size_t n) {
    if (!ids)
        return client_fail(client, PORTD_E_INVALID, 0, "ids", "there are no ids");
    if (n == 0 || n > FRAME_TARGETS_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, "n", "not 1 to 256 ids");
    return 0;
}

void client_log(const portd_client *client, const char *line) {
    if (client->log)
        client->log(client->memory.context, line);
}

int64_t client_now(portd_client *client) {
    if (client->now == 0)
        client->now = os_now_us();
    return client->now;
}

void client_lose(portd_client *client, const char *reason) {
    if (client->lost)
        return;
    client->lost = true;
    client->reason = reason;
    if (!client->closing)
        client_log(client, reason);
    reply_lost(client);
}

void client_flush(portd_client *client) {
    if (channel_pending(&client->channel) > 0 && client->write_errno == 0) {
        int r = channel_flush(&client->channel);
        if (r < 0)
            client->write_errno = -r;
    }
    client->blocked = channel_pending(&client->channel) > 0;
}

/* ---- rounds ------------------------------------------------------------------------------------------------------- */

static const char *end_reason(const portd_client *client) {
    return client->greeted
               ? "the broker has closed the connection"
               : "the broker has closed the connection without a welcome: it may not admit this user";
}

static void client_broken(portd_client *client, int error) {
    if (client->write_errno == 0)
        client->write_errno = -error;
    client_lose(client, "the connection to the broker has failed");
}

/* Reads once and answers what came. True if anything did. What arrived before the connection was lost still counts. */
static bool client_read(portd_client *client) {
    struct channel_frame frame;

    client->channel.bare = client->requests.bringing == 0;
    int r = channel_fill(&client->channel, discard, NULL);

    if (r == 0 && client->write_errno != 0)
        r = -client->write_errno;
    if (r == 0)
        return false;
    if (r == CHANNEL_E_END)
        client_lose(client, end_reason(client));
    else if (r < 0)
        client_broken(client, r);
    while (!client->lost && !client->closing && (r = channel_next(&client->channel, &frame)) > 0) {
        if (r == CHANNEL_E_PROTOCOL) {
            client_lose(client, client->channel.fault);
            break;
        }
        reply_frame(client, &frame);
        if (!client->greeted)
            client_lose(client, "the broker has refused the connection");
    }
    if (!client->lost && !client->closing && channel_rest(&client->channel) < 0)
        client_broken(client, -ENOMEM);
    return true;
}

static bool client_round(portd_client *client, bool readable) {
    bool worked = readable && client_read(client);

    if (!client->lost && !client->closing) {
        /* Only when all that has arrived was read: a late look must not cost a reply. */
        if (!worked)
            requests_overdue(client);
        send_queued(client);
        if (reply_ended(client))
            worked = true;
        client_flush(client);
    }
    if (client->closing)
        client_lose(client, "the client has disconnected");
    return worked;
}

/* There is something to do that no descriptor tells of. */
static bool client_busy(const portd_client *client) {
    return client->requests.ended.first || client->write_errno != 0;
}

static int64_t client_patience(portd_client *client, int64_t deadline) {
    int64_t until = portd_get_timeout(client);

    if (deadline < until)
        until = deadline;
    if (until == PORTD_FOREVER)
        return -1;
    return until > 0 && until > client_now(client) ? until - client_now(client) : 0;
}

unsigned client_step(portd_client *client, int64_t deadline) {
    unsigned seen = 0;

    client_flush(client);
    int64_t timeout = client_patience(client, deadline);
    int found = wakeup_poll(&client->wakeup, client->fd, client->blocked ? WAKEUP_WRITE : 0, timeout);
    client->now = 0;
    if (found < 0 && found != -EINTR) {
        client_broken(client, found);
        return STEP_WORKED;
    }
    if (found < 0)
        found = 0;
    if (client_round(client, (found & WAKEUP_READ) || client->write_errno != 0))
        seen |= STEP_WORKED;
    else if (deadline != PORTD_FOREVER && client_now(client) >= deadline)
        seen |= STEP_LATE;
    if (found & WAKEUP_RAISED)
        seen |= STEP_RAISED;
    return seen;
}

/* ---- any event loop ----------------------------------------------------------------------------------------------- */

static int round_check(portd_client *client) {
    int r = client_check(client);

    return r == 0 && client->calling ? client_fail(client, PORTD_E_BUSY, 0, NULL, NULL) : r;
}

static int lost_code(portd_client *client) {
    return client_fail(client, PORTD_E_DISCONNECTED, client->write_errno, NULL, client->reason);
}

int portd_process(portd_client *client) {
    int r = round_check(client);

    if (r < 0)
        return r;
    client_enter(client);
    client_flush(client);
    bool worked = client_round(client, true);
    return client_leave(client, client->lost ? lost_code(client) : worked || client_busy(client));
}

int portd_poll(portd_client *client, int64_t deadline) {
    unsigned seen = 0;
    int r = round_check(client);

    if (r < 0)
        return r;
    client_enter(client);
    while (seen == 0 && !client->lost)
        seen = client_step(client, deadline);
    if (client->lost) {
        r = lost_code(client);
    } else if (seen & STEP_RAISED) {
        wakeup_take(&client->wakeup);
        r = client_fail(client, PORTD_E_INTERRUPTED, 0, NULL, NULL);
    } else {
        r = seen & STEP_WORKED ? 1 : 0;
    }
    return client_leave(client, r);
}

portd_native portd_get_fd(const portd_client *client) { return client ? (portd_native)client->fd : -1; }

unsigned portd_get_events(const portd_client *client) {
    if (!client || client->lost)
        return 0;
    return channel_pending(&client->channel) > 0 ? PORTD_EVENT_READ | PORTD_EVENT_WRITE : PORTD_EVENT_READ;
}

int64_t portd_get_timeout(const portd_client *client) {
    if (!client || client->lost)
        return PORTD_FOREVER;
    return client_busy(client) ? 0 : client->requests.due;
}

void portd_wakeup(portd_client *client) {
    if (client && !process_is_child(&client->mark))
        wakeup_raise(&client->wakeup);
}

/* ---- what is known ------------------------------------------------------------------------------------------------ */

unsigned portd_version(void) { return PORTD_VERSION_HEX; }

bool portd_has_feature(const char *name) {
    static const char *const features[] = {"handle",        "wait-one", "start", "session-token",
                                           "session-owner", "ports",    "stats", "monitor"};

    for (size_t i = 0; name && i < sizeof(features) / sizeof(features[0]); i++)
        if (strcmp(features[i], name) == 0)
            return true;
    return false;
}

int64_t portd_now(void) { return os_now_us(); }

int portd_id_kind(portd_id id) {
    int kind = (int)(id & 7);

    return id >> 32 != 0 && id < (UINT64_C(1) << 53) && kind <= PORTD_KIND_SESSION ? kind : PORTD_KIND_ANY;
}

const char *portd_address(const portd_client *client) { return client ? client->address : ""; }

const char *portd_last_error(const portd_client *client) { return client ? client->failure.message : ""; }

const char *portd_last_field(const portd_client *client) { return client ? client->failure.field : ""; }

const char *portd_last_hint(const portd_client *client) { return client ? client->failure.hint : ""; }

int portd_last_errno(const portd_client *client) { return client ? client->failure.os_errno : 0; }

unsigned portd_last_flags(const portd_client *client) { return client ? client->flags : 0; }
