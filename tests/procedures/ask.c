/* ask.c: makes one call and checks its result. */
#include "ask.h"

#include <poll.h>

/* Says what the library said. */
static int checked(portd_client *client, int code, const char *what) {
    if (code < 0)
        fail_msg("%s: %s: %s", what, portd_code_name(code), portd_last_error(client));
    return code;
}

static portd_id object(portd_client *client, int code, portd_id id, const char *what) {
    checked(client, code, what);
    assert_true((code == 1) == (id != 0));
    return id;
}

portd_id ask_semaphore(portd_client *client, int fd, int mode) {
    portd_id id = 0;
    int code = portd_fd_to_semaphore(client, fd, mode, fixture_soon(), &id);

    return object(client, code, id, "fd_to_semaphore");
}

portd_id ask_socket_semaphore(portd_client *client, int fd, int mode) {
    portd_id id = 0;
    int code = portd_socket_to_semaphore(client, fd, mode, fixture_soon(), &id);

    return object(client, code, id, "socket_to_semaphore");
}

portd_id ask_evt(portd_client *client, int fd, int mode) {
    portd_id id = 0;
    int code = portd_fd_to_evt(client, fd, mode, PORTD_FD, fixture_soon(), &id);

    return object(client, code, id, "fd_to_evt");
}

void ask_no_semaphores(portd_client *client, int fd) { assert_none(ask_semaphore(client, fd, REMOVE)); }

void ask_no_evts(portd_client *client, int fd) { assert_none(ask_evt(client, fd, REMOVE)); }

static int wait_for(portd_client *client, portd_id id, int64_t deadline) {
    portd_ready ready = {0};
    int code = checked(client, portd_wait(client, &id, 1, 0, deadline, &ready), "wait");

    if (code == 0)
        return IDLE;
    assert_int_equal(code, 1);
    assert_true(ready.id == id);
    assert_int_not_equal(ready.cause, IDLE);
    return ready.cause;
}

int ask_cause(portd_client *client, portd_id id) { return wait_for(client, id, 0); }

int ask_until(portd_client *client, portd_id id) { return wait_for(client, id, fixture_soon()); }

portd_item ask_item(portd_client *client, portd_id id) {
    portd_list *list = NULL;

    checked(client, portd_show(client, &id, 1, fixture_soon(), &list), "show");
    assert_int_equal(portd_list_count(list), 1);
    portd_item item = *portd_list_item(list, 0);
    portd_list_free(list);
    item.type = item.client = "";
    return item;
}

uint64_t ask_quota(portd_client *client, const char *name) {
    portd_list *list = NULL;
    uint64_t used = UINT64_MAX;

    assert_int_equal(portd_get_status(client, fixture_soon(), &list), 1);
    const portd_status *status = portd_list_status(list);
    for (size_t i = 0; i < status->n_quotas; i++)
        if (strcmp(status->quotas[i].name, name) == 0)
            used = status->quotas[i].used;
    portd_list_free(list);
    return used;
}

uint32_t ask_inflight(portd_client *client) {
    portd_list *list = NULL;

    checked(client, portd_get_status(client, fixture_soon(), &list), "get_status");
    uint32_t waits = portd_list_status(list)->waits;
    portd_list_free(list);
    return waits;
}

struct waiters {
    portd_client *client;
    portd_id id;
    uint32_t n;
};

static bool has_waiters(void *data) {
    const struct waiters *wanted = data;

    return ask_item(wanted->client, wanted->id).waiters == wanted->n;
}

void ask_until_waiters(portd_client *client, portd_id id, uint32_t n) {
    struct waiters wanted = {client, id, n};

    if (!fixture_until(has_waiters, &wanted))
        fail_msg("%u waiters, not %u", ask_item(client, id).waiters, n);
}

int ask_handle(portd_client *client, portd_id id) {
    portd_native handle = -1;

    assert_int_equal(checked(client, portd_handle_dup(client, id, fixture_soon(), &handle), "handle_dup"), 1);
    return fixture_own((int)handle);
}

bool ask_handle_ready(int handle) {
    struct pollfd one = {.fd = handle, .events = POLLIN};
    int n = poll(&one, 1, 0);

    assert_true(n >= 0);
    assert_false(one.revents & ~POLLIN);
    return n == 1;
}

unsigned ask_wait_one(portd_client *client) {
    return portd_broker_has_feature(client, "wait-one") ? PORTD_WAIT_ONE : 0;
}

/* ---- waits in flight ---------------------------------------------------------------------------------------------- */

static void on_answer(portd_client *client, const portd_result *result, void *data) {
    struct inflight *inflight = data;

    (void)client;
    inflight->request = NULL;
    inflight->answers++;
    inflight->code = result->code;
    for (int i = 0; i < result->code; i++)
        inflight->ready[i] = result->ready[i];
}

struct inflight *ask_park_until(portd_client *client, const portd_id *ids, size_t n, unsigned flags,
                                int64_t deadline) {
    /* Not on the stack of the case: a failed assertion leaves it while the wait goes on. */
    static struct inflight all[ASK_PARKED];
    static size_t used;
    struct inflight *inflight = &all[used++ % ASK_PARKED];

    *inflight = (struct inflight){.client = client};
    int code = portd_wait_start(client, ids, n, flags, deadline, on_answer, inflight, &inflight->request);
    checked(client, code, "wait_start");
    checked(client, portd_ping(client, fixture_soon()), "ping");
    return inflight;
}

struct inflight *ask_park(portd_client *client, const portd_id *ids, size_t n, unsigned flags) {
    return ask_park_until(client, ids, n, flags, PORTD_FOREVER);
}

struct inflight *ask_park_one(portd_client *client, portd_id id, unsigned flags) {
    return ask_park(client, &id, 1, flags);
}

int ask_answer(struct inflight *inflight) {
    int64_t deadline = fixture_soon();

    while (inflight->answers == 0) {
        int code = portd_poll(inflight->client, deadline);
        if (inflight->answers == 0 && code <= 0)
            fail_msg("the wait is not answered: %s", code ? portd_code_name(code) : "time has passed");
    }
    assert_int_equal(inflight->answers, 1);
    return inflight->code;
}

void ask_cancel(struct inflight *inflight) {
    portd_cancel(inflight->request);
    assert_int_equal(ask_answer(inflight), PORTD_E_CANCELLED);
}

bool ask_still_inflight(struct inflight *inflight) {
    checked(inflight->client, portd_ping(inflight->client, fixture_soon()), "ping");
    return inflight->answers == 0;
}
