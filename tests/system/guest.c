/* guest.c: see guest.h. */
#include "guest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/stat.h>
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
    Portd__V1__Hello hello = PORTD__V1__HELLO__INIT;
    char token[sizeof(other->token)];

    guest_connect(raw);
    memcpy(token, other->token, sizeof(token));
    hello.version_min = hello.version_max = 1;
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

static bool is_stopped(void *data) {
    const struct fixture *broker = data;
    char path[64], line[512];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)broker->pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const char *read = fgets(line, sizeof(line), file);
    fclose(file);
    assert_non_null(read);
    return strncmp(strrchr(line, ')'), ") T", 3) == 0;
}

void guest_hold(const struct fixture *broker) {
    struct fixture copy = *broker;

    assert_int_equal(kill(broker->pid, SIGSTOP), 0);
    assert_true(fixture_until(is_stopped, &copy));
}

void guest_let_go(const struct fixture *broker) { assert_int_equal(kill(broker->pid, SIGCONT), 0); }

void guest_hold_broker(void) { guest_hold(fixture_broker()); }

void guest_let_broker_go(void) { guest_let_go(fixture_broker()); }

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

long guest_cpu(pid_t pid) {
    char path[64], line[1024];
    long user = 0, system = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const char *read = fgets(line, sizeof(line), file);
    fclose(file);
    assert_non_null(read);
    /* The name in brackets may have blanks in it; user and system time are the 14th and 15th field. */
    assert_int_equal(
        sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system),
        2);
    return user + system;
}

long guest_memory(pid_t pid, const char *line) {
    char path[64], text[256];
    long kilobytes = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (kilobytes < 0 && fgets(text, sizeof(text), file))
        if (strncmp(text, line, strlen(line)) == 0)
            kilobytes = strtol(text + strlen(line), NULL, 10);
    fclose(file);
    assert_true(kilobytes >= 0);
    return kilobytes;
}

/* A limit that was lowered may not be raised again by everybody, so it is lowered where the broker begins: by a script that
 * becomes the broker. */
void guest_start_limited(struct fixture *fixture, size_t descriptors, const char *const *options) {
    const char *named = getenv("PORTD_DAEMON");
    char script[] = "/tmp/portd-limited-XXXXXX", daemon[512], text[700];

    if (!named || !*named)
        test_skip("needs PORTD_DAEMON");
    (void)snprintf(daemon, sizeof(daemon), "%s", named);
    int n =
        snprintf(text, sizeof(text), "#!/bin/sh\nulimit -n %zu && exec '%s' \"$@\"\n", descriptors, daemon);
    int fd = mkstemp(script);
    assert_true(fd >= 0);
    bool written = write(fd, text, (size_t)n) == n && fchmod(fd, 0700) == 0;
    (void)close(fd);
    assert_true(written);
    (void)setenv("PORTD_DAEMON", script, 1);
    fixture_start(fixture, options);
    (void)setenv("PORTD_DAEMON", daemon, 1);
    (void)unlink(script);
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
