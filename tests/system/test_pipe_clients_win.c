/* test_pipe_clients_win.c: clients of a named pipe that are silent, do not read or want everything, a broker that is killed under them, and what all of them
 * leave. */
#include "guest.h"

#include "tests/support/client_raw_pipe.h"

#include <windows.h>
#include <winternl.h>

enum {
    LIMIT = PORTD__V1__CODE__CODE_LIMIT,
    SILENT = 1000,
    TABLE = 65536, /* descriptors of the broker */
    AT_ONCE = 500
};

int posix_close(int fd);
int posix_socketpair(int family, int type, int protocol, int ends[2]);

/* ---- what is left ------------------------------------------------------------------------------------------------------ */

static DWORD handles_of_broker(void) {
    HANDLE process = OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, (DWORD)fixture_broker()->pid);
    DWORD n = 0;

    assert_non_null(process);
    assert_true(GetProcessHandleCount(process, &n));
    (void)CloseHandle(process);
    return n;
}

static bool has_no_more(void *data) { return handles_of_broker() <= *(DWORD *)data; }

static void misbehave(struct raw *other) {
    static const uint64_t none = (uint64_t)-1;
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    for (int i = 0; i < 100; i++) {
        struct raw raw;
        guest_connect(&raw);
        if (i % 5)
            assert_int_equal(raw_hello(&raw), 0);
        if (i % 3 == 0)
            assert_int_equal(raw_send_values(&raw, bytes, raw_pack_evt(bytes, 1, 1, false), &none, 1), 0);
        if (i % 3 == 1)
            assert_int_equal(raw_send_values(&raw, bytes, raw_pack_evt(bytes, 1, 1, false),
                                             &(uint64_t){(uintptr_t)event}, 1),
                             0);
        if (i % 7 == 0)
            assert_int_equal(raw_message_write(raw.fd, "", 0, (int64_t)GetTickCount64() + RAW_PATIENCE_MS),
                             0);
        guest_close(&raw);
    }
    assert_true(CloseHandle(event));
    guest_is_served(other);
}

/* Handles of all types: those that threads of the pool keep come with the first round. */
static void nothing_is_left(void **state) {
    struct raw other;

    (void)state;
    guest_open(&other);
    misbehave(&other);
    fixture_until_fds(fixture_broker(), 1);
    DWORD most = handles_of_broker() + 10; /* threads */
    for (int round = 0; round < 4; round++)
        misbehave(&other);
    assert_true(fixture_until(has_no_more, &most));
}

/* ---- clients that do nothing ------------------------------------------------------------------------------------------- */

static void is_served_in_time(struct raw *raw) {
    ULONGLONG begin = GetTickCount64();

    for (int i = 0; i < 200; i++)
        guest_is_served(raw);
    assert_in_range(GetTickCount64() - begin, 0, 5000);
}

/* Half of them say hello, some of those begin a frame. */
static void a_thousand_silent_clients(void **state) {
    static struct raw silent[SILENT];
    struct raw other;

    (void)state;
    guest_open(&other);
    for (size_t i = 0; i < SILENT; i++) {
        int error = raw_connect(&silent[i], fixture_address());
        assert_int_equal(error, 0);
        if (i % 2)
            assert_int_equal(raw_hello(&silent[i]), 0);
        if (i % 4 == 3)
            assert_int_equal(raw_send(&silent[i], "\x04", 1, NULL, 0), 0);
    }
    is_served_in_time(&other);
    for (size_t i = 0; i < SILENT; i++)
        raw_close(&silent[i]);
    is_served_in_time(&other);
    fixture_until_fds(fixture_broker(), 1);
}

static size_t send_until_full(const struct raw *raw) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    size_t n = 0;

    while (raw_send_some(raw, bytes, raw_pack_ping(bytes, 1000 + n, 0), NULL, 0) > 0)
        n++;
    return n;
}

/* They send until nothing more is taken; then one reads all, and the others go. */
static void clients_that_do_not_read(void **state) {
    struct raw deaf[8], other;
    size_t sent[8];

    (void)state;
    guest_open(&other);
    for (size_t i = 0; i < 8; i++) {
        guest_open(&deaf[i]);
        sent[i] = send_until_full(&deaf[i]);
        assert_true(sent[i] > 1000);
    }
    is_served_in_time(&other);
    for (size_t i = 0; i < sent[0]; i++)
        guest_is_told(&deaf[0], 1000 + i, 0);
    guest_is_served(&deaf[0]);
    for (size_t i = 0; i < 8; i++)
        guest_close(&deaf[i]);
    is_served_in_time(&other);
    fixture_until_fds(fixture_broker(), 1);
}

/* A message in parts of some bytes. */
static void a_client_that_reads_slowly(void **state) {
    OVERLAPPED io = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
    uint8_t piece[7];
    struct raw raw, other;
    size_t got = 0;
    DWORD n;

    (void)state;
    guest_open(&other);
    guest_open(&raw);
    size_t most = 11 * send_until_full(&raw); /* each answer has more bytes */
    while (got < most) {
        BOOL done = ReadFile((HANDLE)(intptr_t)raw.fd, piece, sizeof(piece), NULL, &io); // NOLINT
        assert_true(done || GetLastError() == ERROR_IO_PENDING || GetLastError() == ERROR_MORE_DATA);
        assert_int_equal(WaitForSingleObject(io.hEvent, RAW_PATIENCE_MS), WAIT_OBJECT_0);
        done = GetOverlappedResult((HANDLE)(intptr_t)raw.fd, &io, &n, FALSE); // NOLINT
        assert_true(done || GetLastError() == ERROR_MORE_DATA);
        if (got / 1000 != (got + n) / 1000)
            guest_is_served(&other);
        got += n;
    }
    guest_close(&raw);
    assert_true(CloseHandle(io.hEvent));
}

static DWORD unread(const struct raw *raw) {
    FILE_PIPE_LOCAL_INFORMATION pipe;
    IO_STATUS_BLOCK status;

    assert_true(NtQueryInformationFile((HANDLE)(intptr_t)raw->fd, &status, &pipe, sizeof(pipe), // NOLINT
                                       FilePipeLocalInformation) >= 0);
    return pipe.ReadDataAvailable;
}

struct more {
    const struct raw *raw;
    DWORD before;
};

static bool has_more(void *data) {
    const struct more *more = data;

    return unread(more->raw) > more->before;
}

/* Pings until the answer to another one would not fit. Returns how many. */
static size_t fill_with_answers(const struct raw *raw) {
    enum { ROOM = 65536 };
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct more more = {raw, 0};
    DWORD answer = 0;
    size_t n = 0;

    while (more.before + answer <= ROOM) {
        assert_int_equal(raw_send_values(raw, bytes, raw_pack_ping(bytes, 1000, 0), NULL, 0), 0);
        assert_true(fixture_until(has_more, &more));
        answer = unread(raw) - more.before;
        more.before += answer;
        n++;
    }
    return n;
}

static char held_name[] = "held", nobody[] = "", *const held_names[] = {held_name};

static raw_reply *ask_put(struct raw *raw, HANDLE event) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Put put = PORTD__V1__PUT__INIT;

    put.owner = nobody;
    put.names = (char **)(uintptr_t)held_names;
    put.n_names = 1;
    request.method_case = PORTD__V1__REQUEST__METHOD_PUT;
    request.put = &put;
    return raw_ask_values(raw, &request, &(uint64_t){(uintptr_t)event}, 1);
}

struct putting {
    struct raw *raw;
    HANDLE event;
};

static bool can_put(void *data) {
    const struct putting *putting = data;

    return raw_code(ask_put(putting->raw, putting->event)) == 0;
}

static size_t pack_take(uint8_t *bytes, uint64_t id) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__Get get = PORTD__V1__GET__INIT;

    get.owner = nobody;
    get.names = (char **)(uintptr_t)held_names;
    get.n_names = 1;
    get.take = true;
    request.id = id;
    request.method_case = PORTD__V1__REQUEST__METHOD_GET;
    request.get = &get;
    return raw_pack(bytes, &request, 0);
}

/* What is taken is the client's as soon as the pipe has begun to send it, whether there is room or not: once, and nobody else's. */
static void what_is_taken_over_a_full_pipe_is_passed(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct raw raw, other;

    (void)state;
    guest_open(&other);
    guest_open(&raw);
    assert_int_equal(raw_code(ask_put(&other, event)), 0);
    size_t n = fill_with_answers(&raw);
    assert_int_equal(raw_send_values(&raw, bytes, pack_take(bytes, 7), NULL, 0), 0);
    assert_true(fixture_until(can_put, &(struct putting){&other, event})); /* the name is free */
    for (size_t i = 0; i < n; i++)
        guest_is_told(&raw, 1000, 0);
    raw_reply *reply = raw_next(&raw, NULL);
    assert_non_null(reply);
    assert_int_equal(reply->id, 7);
    assert_int_equal(raw_code(reply), 0);
    assert_int_equal(raw.n_fds, 1);
    assert_true(SetEvent((HANDLE)(intptr_t)raw.fds[0])); // NOLINT
    assert_int_equal(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    raw_close_fds(&raw);
    guest_is_served(&raw);
    assert_int_equal(raw_send_values(&raw, bytes, pack_take(bytes, 8), NULL, 0), 0);
    guest_is_told(&raw, 8, 0);
    raw_close_fds(&raw);
    assert_true(CloseHandle(event));
}

/* ---- no room ------------------------------------------------------------------------------------------------------- */

/* Sends some at a time, and counts what is taken: the first refusal ends it. */
static int64_t fill_table(struct raw *raw, HANDLE event) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    uint64_t value = (uintptr_t)event;
    int64_t taken = 0;
    bool full = false;

    for (int64_t number = 0; !full; number += AT_ONCE) {
        for (int64_t i = 0; i < AT_ONCE; i++)
            assert_int_equal(
                raw_send_values(raw, bytes, raw_pack_evt(bytes, 1, number + i, false), &value, 1), 0);
        for (int64_t i = 0; i < AT_ONCE; i++) {
            int code = raw_code(raw_next(raw, NULL));
            assert_true(code == 0 || code == LIMIT);
            full = full || code == LIMIT;
            taken += code == 0;
        }
    }
    return taken;
}

static int remove_number(struct raw *raw, int64_t number) {
    return raw_evt(raw, -1, number, PORTD__V1__MODE__MODE_REMOVE, NULL);
}

static void a_full_table(void **state) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct raw raw, other;
    uint64_t id;

    (void)state;
    guest_open(&other);
    guest_open(&raw);
    int64_t n = fill_table(&raw, event);
    assert_in_range(n, TABLE / 2, TABLE);
    guest_is_served(&other);
    for (int64_t i = 0; i < 20; i++) {
        assert_int_equal(remove_number(&raw, i), 0);
        assert_int_equal(raw_evt(&raw, (int)(intptr_t)event, 100000 + i, PORTD__V1__MODE__MODE_READ, &id), 0);
        assert_int_equal(raw_evt(&raw, (int)(intptr_t)event, 200000, PORTD__V1__MODE__MODE_READ, &id), LIMIT);
    }
    guest_close(&raw);
    assert_int_equal(raw_evt(&other, (int)(intptr_t)event, 1, PORTD__V1__MODE__MODE_READ, &id), 0);
    guest_close(&other);
    fixture_until_fds(fixture_broker(), 0);
    assert_true(CloseHandle(event));
}

/* ---- a broker that is killed ------------------------------------------------------------------------------------------- */

static DWORD WINAPI wait_for(void *data) {
    portd_client *client = data;
    portd_ready ready;
    int ends[2];
    portd_id id = 0;

    if (posix_socketpair(0, 1, 0, ends) < 0 ||
        portd_socket_to_semaphore(client, ends[0], PORTD_MODE_READ, PORTD_FOREVER, &id) != 1)
        return 1;
    int r = portd_wait(client, &id, 1, 0, PORTD_FOREVER, &ready);
    (void)posix_close(ends[0]);
    (void)posix_close(ends[1]);
    return r == 1 && ready.cause == PORTD_CAUSE_DISCONNECTED ? 0 : 2;
}

static void a_broker_that_is_killed(void **state) {
    static struct fixture first, second;
    struct raw raw, busy;

    (void)state;
    fixture_start(&first, NULL);
    guest_open_at(&raw, first.address);
    guest_open_at(&busy, first.address);
    (void)send_until_full(&busy);
    portd_client *client = fixture_client_at(first.address, NULL);
    HANDLE thread = CreateThread(NULL, 0, wait_for, client, 0, NULL);
    assert_non_null(thread);
    while (guest_quota(&raw, "waits", NULL) != 1)
        Sleep(1);
    fixture_kill(&first);
    assert_int_equal(raw_until_end(&raw), 0);
    assert_int_equal(raw_until_end(&busy), 0);
    assert_int_equal(WaitForSingleObject(thread, RAW_PATIENCE_MS), WAIT_OBJECT_0);
    DWORD code = 0;
    assert_true(GetExitCodeThread(thread, &code));
    assert_int_equal(code, 0);
    (void)CloseHandle(thread);
    guest_close(&raw);
    guest_close(&busy);
    fixture_disconnect(client);
    const char *const again[] = {"--listen", first.address, NULL};
    fixture_start(&second, again);
    guest_open_at(&raw, second.address);
    guest_is_served(&raw);
    guest_close(&raw);
}

TEST_MAIN(FIXTURE_CASE(nothing_is_left), FIXTURE_CASE(a_thousand_silent_clients),
          FIXTURE_CASE(clients_that_do_not_read), FIXTURE_CASE(a_client_that_reads_slowly),
          FIXTURE_CASE(what_is_taken_over_a_full_pipe_is_passed), FIXTURE_CASE(a_full_table),
          FIXTURE_CASE_BARE(a_broker_that_is_killed))
