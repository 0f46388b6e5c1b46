/* fixture.c: starts, counts and cleans up. What a case owns is kept in tables of fixed size; forked children inherit them and do
 * not use them. */
#include "fixture.h"

#include "fixture_native.h"

enum { FIXTURES = 8, CLIENTS = 128, OWNED = 1024, ARGUMENTS = 16 };

static struct {
    struct fixture broker;
    struct fixture *fixtures[FIXTURES];
    portd_client *clients[CLIENTS];
    int owned[OWNED];
    size_t n_owned;
} own;

int64_t fixture_soon(void) { return portd_now() + FIXTURE_PATIENCE_MS * INT64_C(1000); }

/* ---- conditions --------------------------------------------------------------------------------------------------- */

bool fixture_until(bool (*condition)(void *data), void *data) {
    int64_t deadline = fixture_soon();
    int pause_ms = 0;

    while (!condition(data)) {
        if (portd_now() > deadline)
            return condition(data);
        fixture_native_pause(pause_ms); /* lets others run; the first look again is at once */
        pause_ms = 1;
    }
    return true;
}

/* ---- brokers ------------------------------------------------------------------------------------------------------ */

static void remember(struct fixture *fixture) {
    for (size_t i = 0; i < FIXTURES; i++) {
        if (own.fixtures[i])
            continue;
        own.fixtures[i] = fixture;
        return;
    }
    fail_msg("more than %d brokers", FIXTURES);
}

/* Whether workers have closed what the hello needed. */
static bool nothing_is_closing(void *data) {
    portd_client *client = data;
    portd_list *list = NULL;
    bool nothing = false;

    assert_int_equal(portd_get_stats(client, fixture_soon(), &list), 1);
    for (size_t i = 0; i < portd_list_count(list); i++) {
        const portd_metric *metric = portd_list_metric(list, i);
        nothing = nothing || (strcmp(metric->name, "closing") == 0 && metric->value == 0);
    }
    portd_list_free(list);
    return nothing;
}

void fixture_until_closed(portd_client *client) { assert_true(fixture_until(nothing_is_closing, client)); }

/* Counts while one client is connected that has nothing. */
static void count_idle(struct fixture *fixture) {
    portd_client *client = fixture_client_at(fixture->address, NULL);

    fixture_native_use(client);
    fixture_until_closed(client);
    fixture->fds = fixture_fds(fixture->pid) - 1;
    fixture_disconnect(client);
}

static void add_arguments(struct fixture *fixture, const char *arguments[ARGUMENTS],
                          const char *const *options) {
    const char *const usual[] = {
        "portd",       "--listen", fixture->address, "--notify-fd", fixture_native_notice(),
        "--log-level", "error"};
    size_t n = sizeof(usual) / sizeof(*usual);

    memcpy(arguments, usual, sizeof(usual));
    for (size_t i = 0; options && options[i] && n < ARGUMENTS - 1; i++) {
        if (strcmp(options[i], "--listen") == 0 && options[i + 1])
            (void)snprintf(fixture->address, sizeof(fixture->address), "%s", options[i + 1]);
        arguments[n++] = options[i];
    }
    arguments[n] = NULL;
}

void fixture_start(struct fixture *fixture, const char *const *options) {
    const char *arguments[ARGUMENTS];

    *fixture = (struct fixture){0};
    fixture_native_place(fixture);
    add_arguments(fixture, arguments, options);
    (void)fflush(NULL);
    fixture_native_run(fixture, arguments);
    remember(fixture);
    fixture->started = true;
    fixture_native_await(fixture);
    count_idle(fixture);
}

static void forget(struct fixture *fixture) {
    for (size_t i = 0; i < FIXTURES; i++)
        if (own.fixtures[i] == fixture)
            own.fixtures[i] = NULL;
    fixture->started = false;
}

void fixture_stop(struct fixture *fixture) {
    assert_true(fixture->started);
    int status = fixture_native_stop(fixture);
    forget(fixture);
    bool gone = fixture_native_leave(fixture);
    if (status != 0)
        fail_msg("portd ended with %d (256 and above: a signal, -1: not at all)", status);
    assert_true(gone);
}

void fixture_kill(struct fixture *fixture) {
    assert_true(fixture->started);
    fixture_native_kill(fixture);
    forget(fixture);
    (void)fixture_native_leave(fixture);
}

void fixture_hold_broker(void) { fixture_hold(fixture_broker()); }

void fixture_continue_broker(void) { fixture_continue(fixture_broker()); }

size_t fixture_broker_fds(const struct fixture *fixture) { return fixture_fds(fixture->pid); }

struct fds_wanted {
    const struct fixture *fixture;
    size_t n;
};

static bool has_fds(void *data) {
    const struct fds_wanted *wanted = data;

    return fixture_broker_fds(wanted->fixture) == wanted->n;
}

void fixture_until_fds(const struct fixture *fixture, size_t more) {
    struct fds_wanted wanted = {fixture, fixture->fds + more};

    if (!fixture_until(has_fds, &wanted))
        fail_msg("the broker has %zu descriptors more than when it is idle, not %zu",
                 fixture_broker_fds(fixture) - fixture->fds, more);
}

struct fixture *fixture_broker(void) {
    return &own.broker;
}

const char *fixture_address(void) { return own.broker.address; }

/* ---- what belongs to a case --------------------------------------------------------------------------------------- */

portd_client *fixture_client_at(const char *address, const portd_options *options) {
    char message[256] = "";
    portd_options usual = PORTD_OPTIONS_INIT;
    portd_client *client = NULL;
    size_t at = 0;

    if (options)
        usual = *options;
    usual.message = message;
    usual.message_size = sizeof(message);
    while (at < CLIENTS && own.clients[at])
        at++;
    assert_true(at < CLIENTS);
    int code = portd_connect(address, &usual, fixture_soon(), &client);
    if (code != 1)
        fail_msg("cannot connect to %s: %s: %s", address, portd_code_name(code), message);
    own.clients[at] = client;
    return client;
}

portd_client *fixture_client(const portd_options *options) {
    return fixture_client_at(fixture_address(), options);
}

portd_client *fixture_joined(const portd_client *client) {
    portd_options options = PORTD_OPTIONS_INIT;

    options.token = portd_session_token(client);
    return fixture_client_at(portd_address(client), &options);
}

portd_client *fixture_forget(portd_client *client) {
    for (size_t i = 0; i < CLIENTS; i++)
        if (own.clients[i] == client)
            own.clients[i] = NULL;
    return client;
}

int fixture_own(int fd) {
    if (fd < 0)
        fail_msg("no descriptor: %s", strerror(errno));
    assert_true(own.n_owned < OWNED);
    own.owned[own.n_owned++] = fd;
    return fd;
}

int fixture_disown(int fd) {
    for (size_t i = 0; i < own.n_owned; i++) {
        if (own.owned[i] != fd)
            continue;
        own.owned[i] = own.owned[--own.n_owned];
        return fd;
    }
    fail_msg("descriptor %d does not belong to the case", fd);
    return fd;
}

void fixture_close(int fd) { assert_int_equal(fixture_native_close(fixture_disown(fd)), 0); }

/* ---- before and after --------------------------------------------------------------------------------------------- */

int fixture_before_bare(void **state) { return test_before(state); }

int fixture_before(void **state) {
    if (test_before(state) < 0)
        return -1;
    fixture_start(&own.broker, NULL);
    return 0;
}

static void take_down_clients(void) {
    fixture_native_end_children();
    for (size_t i = 0; i < CLIENTS; i++) {
        portd_disconnect(own.clients[i]);
        own.clients[i] = NULL;
    }
    while (own.n_owned > 0)
        (void)fixture_native_close(own.owned[--own.n_owned]);
}

int fixture_after(void **state) {
    bool counted = own.broker.started;

    take_down_clients();
    if (counted)
        fixture_until_fds(&own.broker, 0);
    for (size_t i = FIXTURES; i > 0; i--)
        if (own.fixtures[i - 1])
            fixture_stop(own.fixtures[i - 1]);
    return test_after(state);
}
