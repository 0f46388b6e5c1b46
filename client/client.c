/* client.c: making and freeing a client, its state, and the functions that need no request. */
#include "client.h"

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
    client->transport = transport_none();
    client->wakeup = (struct wakeup){.handle = OS_FD_NONE, .writable = OS_FD_NONE};
    client->reason = "";
    requests_init(&client->requests);
    process_mark_init(&client->mark);
    int r = options->no_wakeup ? 0 : wakeup_init(&client->wakeup);
    if (r == 0)
        r = channel_scratch_init_in(&client->scratch, &client->memory);
    if (r == 0)
        r = arena_init_in(&client->arena, &client->memory);
    if (r < 0) {
        client_free(client);
        return r;
    }
    channel_init(&client->channel, transport_none(), &client->scratch, FRAME_LONG_MAX);
    *made = client;
    return 0;
}

void client_attach(portd_client *client, struct transport transport, const char *address) {
    client->transport = client->channel.transport = transport;
    memcpy(client->address, address, strlen(address) + 1);
}

void client_sleep_in_read(portd_client *client) {
    client->sleeps = transport_sleep_begin(client->transport) == 0;
    client->limit = -1;
}

void client_discard(void *context, os_fd fd) {
    (void)context;
    os_close(fd);
}

static void client_free(portd_client *client) {
    if (client->channel.scratch)
        channel_deinit(&client->channel, client_discard, NULL);
    channel_scratch_deinit(&client->scratch);
    arena_deinit(&client->arena);
    requests_deinit(client);
    if (client->text)
        client->text_free(client);
    wakeup_deinit(&client->wakeup);
    process_mark_deinit(&client->mark);
    transport_close(client->transport);
    memory_free(&client->memory, client->welcome);
    memory_free(&client->memory, client);
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

int client_fail_lost(portd_client *client) {
    if (process_is_child(&client->mark))
        return client_fail(client, PORTD_E_FORKED, 0, NULL, NULL);
    return client_fail(client, PORTD_E_DISCONNECTED, client->write_errno, NULL, client->reason);
}

int client_check(portd_client *client) {
    if (!client)
        return PORTD_E_INVALID;
    if (client->lost || client->closing || process_is_child(&client->mark))
        return client_fail_lost(client);
    client->now = 0;
    return 0;
}

int client_check_ids(portd_client *client, const portd_id *ids, size_t n) {
    if (!ids)
        return client_fail(client, PORTD_E_INVALID, 0, "ids", "ids must not be NULL");
    if (n == 0 || n > FRAME_TARGETS_MAX)
        return client_fail(client, PORTD_E_INVALID, 0, "n", "expected 1 to 256 ids");
    return 0;
}

void client_log(const portd_client *client, const char *line) {
    if (client->log)
        client->log(client->memory.context, line);
}

bool portd_broker_has_feature(const portd_client *client, const char *name) {
    if (!client || !client->welcome || !name)
        return false;
    for (const char *at = client->welcome + strlen(client->welcome) + 1; *at; at += strlen(at) + 1)
        if (strcmp(at, name) == 0)
            return true;
    return false;
}

bool client_may_attach(const portd_client *client, portd_id id) {
    if (!client->greeted)
        return true;
    return portd_id_kind(id) == PORTD_KIND_SEMAPHORE ? client->attaches_eventfds : client->attaches_epolls;
}

int64_t client_now(portd_client *client) {
    if (client->now == 0)
        client->now = os_now_us();
    return client->now;
}

uint64_t client_left(portd_client *client, int64_t deadline) {
    int64_t now = client_now(client);

    return deadline > now ? (uint64_t)(deadline - now) : 0;
}

void client_flush(portd_client *client) {
    if (channel_pending(&client->channel) > 0 && client->write_errno == 0) {
        int r = channel_flush(&client->channel);
        if (r < 0)
            client->write_errno = -r;
    }
    client->blocked = channel_pending(&client->channel) > 0;
}

int portd_wakeup(portd_client *client) {
    if (!client)
        return PORTD_E_INVALID;
    if (process_is_child(&client->mark))
        return PORTD_E_FORKED;
    if (client->wakeup.handle == OS_FD_NONE)
        return PORTD_E_UNSUPPORTED;
    wakeup_raise(&client->wakeup);
    return 1;
}

/* ---- functions that need no request ------------------------------------------------------------------------------- */

unsigned portd_version(void) { return PORTD_VERSION_HEX; }

bool portd_has_feature(const char *name) {
    static const char *const features[] = {"handle",        "wait-one", "goodbye", "start",   "session-token",
                                           "session-owner", "ports",    "stats",   "monitor", "splice",
                                           "reload",        "hold",     "why",     "spool",   "look",
                                           "upgrade",       "resize"};

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
