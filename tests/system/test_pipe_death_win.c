/* test_pipe_death_win.c: clients of a named pipe that die in the middle. This program is also the client: with two arguments, what it does and the
 * address. */
#include "guest.h"

#include "tests/support/client_raw_pipe.h"

#include <windows.h>

enum { MISMATCH = PORTD__V1__CODE__CODE_MISMATCH, VALUES = 252 };

int posix_socketpair(int family, int type, int protocol, int ends[2]);

/* Of this process and its child, by name. */
static HANDLE signal_of(DWORD parent, const char *name) {
    char full[64];

    (void)snprintf(full, sizeof(full), "portd-test-%lu-%s", parent, name);
    return CreateEventA(NULL, TRUE, FALSE, full);
}

/* Names many handles, sockets among them. */
static int give(struct raw *raw) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    uint64_t values[VALUES];
    int socket_ends[2];

    if (posix_socketpair(0, 1, 0, socket_ends) < 0)
        return 1;
    for (size_t i = 0; i < VALUES; i++) {
        HANDLE event = CreateFileA("NUL", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL);
        values[i] = i % 8 ? (uintptr_t)event : (uint64_t)socket_ends[0];
    }
    for (unsigned i = 0; i < 8; i++)
        if (raw_send_values(raw, bytes, raw_pack_ping(bytes, i, VALUES), values, VALUES) < 0 ||
            raw_send_values(raw, bytes, raw_pack_evt(bytes, 10 + i, i, true), values, 1) < 0)
            return 2;
    return 0;
}

/* Asks for handles, which the broker puts into this process, and never reads. */
static int get(struct raw *raw) {
    Portd__V1__Handle handle = PORTD__V1__HANDLE__INIT;
    raw_request request = PORTD__V1__REQUEST__INIT;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    handle.hint = true;
    request.method_case = PORTD__V1__REQUEST__METHOD_HANDLE;
    request.handle = &handle;
    for (int64_t number = 0; number < 100; number++)
        if (raw_evt(raw, (int)(intptr_t)event, number, PORTD__V1__MODE__MODE_READ, &handle.id) != 0)
            return 1;
    for (request.id = 1000; request.id < 1400; request.id++)
        if (raw_send_request(raw, &request, NULL, 0) < 0)
            return 2;
    return 0;
}

/* Opens a connection for its parent, whose handle it is then, and ends. Its status is the handle's value. */
static int lend(struct raw *raw, DWORD parent) {
    HANDLE process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, parent), theirs;

    if (!process ||
        !DuplicateHandle(GetCurrentProcess(), (HANDLE)(intptr_t)raw->fd, process, &theirs, 0, // NOLINT
                         FALSE, DUPLICATE_SAME_ACCESS))
        return 3;
    return (int)(intptr_t)theirs;
}

/* Says that it is there, goes on when it may, says that it has done it, and waits for its end. */
static int child(const char *what, const char *address) {
    DWORD parent = (DWORD)strtoul(strrchr(what, '-') + 1, NULL, 10);
    struct raw raw;
    int r = raw_open(&raw, address);

    if (what[0] == 'l')
        return r ? r : lend(&raw, parent);
    (void)SetEvent(signal_of(parent, "there"));
    if (WaitForSingleObject(signal_of(parent, "go"), RAW_PATIENCE_MS) != WAIT_OBJECT_0 || r != 0)
        return 10;
    r = what[1] == 'i' ? give(&raw) : get(&raw);
    if (r)
        return r;
    (void)SetEvent(signal_of(parent, "done"));
    (void)WaitForSingleObject(GetCurrentProcess(), INFINITE);
    return 20;
}

static void await(HANDLE event, HANDLE process) {
    HANDLE either[] = {event, process};

    if (WaitForMultipleObjects(2, either, FALSE, RAW_PATIENCE_MS) != WAIT_OBJECT_0) {
        DWORD code = 0;
        (void)GetExitCodeProcess(process, &code);
        fail_msg("the child has not done it: %lu", code);
    }
}

static HANDLE start(const char *what) {
    STARTUPINFOA how = {.cb = sizeof(how)};
    PROCESS_INFORMATION made;
    char path[MAX_PATH], command[MAX_PATH + 300];

    assert_true(GetModuleFileNameA(NULL, path, sizeof(path)) > 0);
    (void)snprintf(command, sizeof(command), "\"%s\" %s-%lu %s", path, what, GetCurrentProcessId(),
                   fixture_address());
    assert_true(CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &how, &made));
    (void)CloseHandle(made.hThread);
    return made.hProcess;
}

/* held: the broker sees all of it after the client's end. */
static void die(const char *what, bool held) {
    HANDLE there = signal_of(GetCurrentProcessId(), "there"), go = signal_of(GetCurrentProcessId(), "go"),
           done = signal_of(GetCurrentProcessId(), "done");
    HANDLE process = start(what);

    await(there, process);
    if (held)
        fixture_hold_broker();
    (void)SetEvent(go);
    await(done, process);
    assert_true(TerminateProcess(process, 1));
    assert_int_equal(WaitForSingleObject(process, RAW_PATIENCE_MS), WAIT_OBJECT_0);
    if (held)
        fixture_continue_broker();
    (void)CloseHandle(process);
    (void)CloseHandle(there);
    (void)CloseHandle(go);
    (void)CloseHandle(done);
}

static bool has_nothing(void *data) { return guest_quota(data, "descriptors", NULL) == 0; }

static void a_client_that_dies_while_it_gives(void **state) {
    struct raw other;

    (void)state;
    guest_open(&other);
    for (int round = 0; round < 6; round++) {
        die("give", round % 2);
        guest_is_served(&other);
    }
    assert_true(fixture_until(has_nothing, &other));
    fixture_until_fds(fixture_broker(), 1);
}

static void a_client_that_dies_while_it_gets(void **state) {
    struct raw other;

    (void)state;
    guest_open(&other);
    for (int round = 0; round < 6; round++) {
        die("get", false);
        guest_is_served(&other);
    }
    assert_true(fixture_until(has_nothing, &other));
    fixture_until_fds(fixture_broker(), 1);
}

/* What is named on it is still looked for in the process that has opened it, and there is none any more. */
static void a_connection_that_outlives_its_process(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw = {.fd = -1}, other;
    DWORD code = 0;

    (void)state;
    guest_open(&other);
    HANDLE process = start("lend");
    assert_int_equal(WaitForSingleObject(process, RAW_PATIENCE_MS), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(process, &code));
    assert_true(code > 10);
    raw.fd = fixture_own((int)code);
    for (uint64_t value = 4; value < 1024; value += 4) {
        assert_int_equal(raw_send_values(&raw, bytes, raw_pack_evt(bytes, value, 5, false), &value, 1), 0);
        guest_is_told(&raw, value, MISMATCH);
    }
    guest_is_served(&raw);
    guest_is_served(&other);
    guest_close(&raw);
    fixture_until_fds(fixture_broker(), 1);
    (void)CloseHandle(process);
}

int main(int argc, char **argv) {
    struct CMUnitTest cases[] = {
        FIXTURE_CASE(a_client_that_dies_while_it_gives),
        FIXTURE_CASE(a_client_that_dies_while_it_gets),
        FIXTURE_CASE(a_connection_that_outlives_its_process),
    };

    return argc == 3 ? child(argv[1], argv[2]) : TEST_RUN(cases);
}
