/* guest.c: see guest.h. */
#define _GNU_SOURCE

#include "guest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

void guest_connect_at(struct raw *raw, const char *address) {
    int error = raw_connect(raw, address);

    if (error)
        fail_msg("cannot connect: %s", strerror(-error));
    fixture_own(raw->fd);
}

void guest_connect(struct raw *raw) { guest_connect_at(raw, fixture_address()); }

void guest_open_at(struct raw *raw, const char *address) {
    guest_connect_at(raw, address);
    assert_int_equal(raw_hello(raw), 0);
    assert_true(raw->session != 0);
}

void guest_open(struct raw *raw) { guest_open_at(raw, fixture_address()); }

void guest_join(struct raw *raw, const struct raw *other) {
    Portd__V1__Hello hello = raw_hello_make();
    char token[sizeof(other->token)];

    guest_connect(raw);
    memcpy(token, other->token, sizeof(token));
    hello.token = token;
    assert_int_equal(raw_hello_with(raw, &hello, NULL, 0), 0);
    assert_int_equal(raw->session, other->session);
}

void guest_close(struct raw *raw) {
    fixture_disown(raw->fd);
    raw_close(raw);
}

void guest_is_served(struct raw *raw) { assert_int_equal(raw_ping(raw), 0); }

void guest_is_ended(struct raw *raw) {
    int error = 0;
    raw_reply *reply = raw_next(raw, &error);

    if (reply)
        fail_msg("a reply came with the id %" PRIu64 " and the code %d", reply->id,
                 reply->error ? (int)reply->error->code : 0);
    if (error != -ECONNRESET)
        fail_msg("the connection has not ended: %s", strerror(-error));
}

void guest_is_told(struct raw *raw, uint64_t id, int code) {
    int error = 0;
    raw_reply *reply = raw_next(raw, &error);

    if (!reply)
        fail_msg("no reply: %s", strerror(-error));
    assert_int_equal(reply->id, id);
    assert_int_equal(raw_code(reply), code);
}

void guest_pipe(int ends[2]) {
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    fixture_own(ends[0]);
    fixture_own(ends[1]);
}

uint64_t guest_semaphore(struct raw *raw, int fd, int64_t number) {
    uint64_t id = 0;

    assert_int_equal(raw_semaphore(raw, fd, number, PORTD__V1__MODE__MODE_READ, &id), 0);
    assert_true(id != 0);
    return id;
}

uint64_t guest_evt(struct raw *raw, int fd, int64_t number) {
    uint64_t id = 0;

    assert_int_equal(raw_evt(raw, fd, number, PORTD__V1__MODE__MODE_READ, &id), 0);
    assert_true(id != 0);
    return id;
}

void guest_is_woken(struct raw *raw, uint64_t request, uint64_t id, Portd__V1__Cause cause) {
    Portd__V1__Cause told = PORTD__V1__CAUSE__CAUSE_NONE;
    raw_reply *reply = raw_next(raw, NULL);

    assert_non_null(reply);
    assert_int_equal(reply->id, request);
    assert_int_equal(raw_ready(reply, &told), id);
    assert_int_equal(told, cause);
}

raw_reply *guest_status(struct raw *raw) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__StatusOf of = PORTD__V1__STATUS_OF__INIT;
    raw_reply *reply;

    request.method_case = PORTD__V1__REQUEST__METHOD_STATUS;
    request.status = &of;
    reply = raw_ask(raw, &request);
    assert_non_null(reply);
    assert_int_equal(reply->result_case, PORTD__V1__REPLY__RESULT_STATUS);
    return reply;
}

uint64_t guest_quota(struct raw *raw, const char *name, uint64_t *limit) {
    raw_reply *reply = guest_status(raw);

    for (size_t i = 0; i < reply->status->n_quotas; i++) {
        const Portd__V1__Quota *quota = reply->status->quotas[i];
        if (strcmp(quota->name, name) != 0)
            continue;
        uint64_t used = quota->used;
        if (limit)
            *limit = quota->limit;
        raw_free(reply);
        return used;
    }
    fail_msg("no quota of %s", name);
    return 0;
}

static bool nothing_is_closing(void *data) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__StatsOf stats = PORTD__V1__STATS_OF__INIT;
    uint64_t closing = UINT64_MAX;

    request.method_case = PORTD__V1__REQUEST__METHOD_STATS;
    request.stats = &stats;
    raw_reply *reply = raw_ask(data, &request);
    assert_true(reply && reply->stats);
    for (size_t i = 0; i < reply->stats->n_metrics; i++)
        if (strcmp(reply->stats->metrics[i]->name, "closing") == 0)
            closing = reply->stats->metrics[i]->value;
    raw_free(reply);
    assert_true(closing < UINT64_MAX);
    return closing == 0;
}

void guest_until_closed(struct raw *raw) { assert_true(fixture_until(nothing_is_closing, raw)); }

uint64_t guest_wrap(struct raw *raw, int fd, const char *name) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__WrapFileDescriptor file = PORTD__V1__WRAP_FILE_DESCRIPTOR__INIT;
    char text[256];

    (void)snprintf(text, sizeof(text), "%s", name);
    file.number = 7;
    file.name = text;
    file.read = true;
    request.method_case = PORTD__V1__REQUEST__METHOD_FILE_DESCRIPTOR_TO_PORT;
    request.file_descriptor_to_port = &file;
    raw_reply *reply = raw_ask_fds(raw, &request, &fd, 1);
    assert_true(reply && !reply->error);
    uint64_t id = reply->file_descriptor_to_port->input;
    raw_free(reply);
    return id;
}

void guest_drop(struct raw *raw, uint64_t port) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Close close = PORTD__V1__CLOSE__INIT;
    Portd__V1__Release release = PORTD__V1__RELEASE__INIT;

    close.id = port;
    request.method_case = PORTD__V1__REQUEST__METHOD_CLOSE;
    request.close = &close;
    assert_int_equal(raw_code(raw_ask(raw, &request)), 0);
    release.ids = &port;
    release.n_ids = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_RELEASE;
    request.release = &release;
    assert_int_equal(raw_code(raw_ask(raw, &request)), 0);
}

void guest_leave_sessions(const char *address, size_t n) {
    for (size_t i = 0; i < n; i++) {
        Portd__V1__Hello hello = raw_hello_make();
        struct raw raw;
        hello.ttl_us = UINT64_C(3600000000);
        guest_connect_at(&raw, address);
        assert_int_equal(raw_hello_with(&raw, &hello, NULL, 0), 0);
        guest_close(&raw);
    }
}

bool guest_is_sanitized(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#else
    return false;
#endif
#else
    return false;
#endif
}
