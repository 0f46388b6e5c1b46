/* test_pipes_win.c: messages of a named pipe that are none, and values that are not the client's handles. A message that is none ends its connection
 * and no other; a value that is none is answered with MISMATCH, and nothing of it is kept. What the bytes in the messages say is in test_frames. */
#include "guest.h"

#include "tests/support/client_raw_pipe.h"

#include <windows.h>
#include <winternl.h>

enum {
    MISMATCH = PORTD__V1__CODE__CODE_MISMATCH,
    SYSTEM = PORTD__V1__CODE__CODE_SYSTEM,
    HEAD = RAW_MESSAGE_HEAD,
    MANY = 2000, /* values that really follow */
    MEGABYTE = 1 << 20
};

static int64_t soon(void) { return (int64_t)GetTickCount64() + RAW_PATIENCE_MS; }

/* The broker ends a connection that sends this, and serves the other. hello: it has said hello. */
static void ends(const void *message, size_t size, bool hello, struct raw *other) {
    struct raw raw;

    if (hello)
        guest_open(&raw);
    else
        guest_connect(&raw);
    /* What is longer than the pipe's memory may have to wait until the broker has read it, and is taken back when it closes. */
    int r = raw_message_write(raw.fd, message, size, soon());
    assert_true(r == 0 || r == -EPIPE);
    guest_is_ended(&raw);
    guest_close(&raw);
    guest_is_served(other);
}

static void ends_always(const void *message, size_t size, struct raw *other) {
    ends(message, size, false, other);
    ends(message, size, true, other);
}

/* ---- messages ------------------------------------------------------------------------------------------------------ */

/* A ping in a message whose head says something, with so many values. */
static size_t ping_in(uint8_t *message, uint32_t size, unsigned n, size_t values) {
    static const uint8_t ping[] = {4, 0, 0, 0, 0, 0, 0, 0, 0x08, 5, 0x5a, 0};

    raw_message_head(message, size, n);
    memset(message + HEAD, 0, 8 * values);
    memcpy(message + HEAD + 8 * values, ping, sizeof(ping));
    return HEAD + 8 * values + sizeof(ping);
}

static void heads_that_lie(void **state) {
    static const struct {
        uint32_t size;
        unsigned n;
        size_t values;
    } lies[] = {
        {0, 0, 0},
        {11, 0, 0},
        {13, 0, 0},
        {69641, 0, 0},
        {0x7fffffff, 0, 0},
        {0x80000000, 0, 0},
        {UINT32_MAX, 0, 0},
        {0xfffffff0, 0, 0},
        {12, 1, 0},
        {12, 2, 1},
        {12, 0, 1},
        {4, 2, 0},
        {12, 253, 253},
        {12, MANY, MANY},
        {12, 253, 1},
        {12, 65535, 0},
        {12, 32768, 2},
        {69640, 252, 0},
        {UINT32_MAX, 65535, 0},
    };
    uint8_t message[HEAD + 8 * MANY + 12];
    struct raw other;

    (void)state;
    guest_open(&other);
    for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
        size_t size = ping_in(message, lies[i].size, lies[i].n, lies[i].values);
        /* The head says that it goes on, and here it does not. */
        ends_always(message, size, &other);
    }
    fixture_until_fds(fixture_broker(), 1);
}

static void what_must_be_zero(void **state) {
    uint8_t message[HEAD + 12];
    struct raw other;

    (void)state;
    guest_open(&other);
    for (size_t at = 6; at < HEAD; at++) {
        size_t size = ping_in(message, 12, 0, 0);
        message[at] = 1;
        ends_always(message, size, &other);
    }
}

/* Of each length up to a head's, the empty one among them; and a head alone. */
static void messages_that_are_too_short(void **state) {
    uint8_t message[HEAD + 12];
    struct raw other;

    (void)state;
    guest_open(&other);
    (void)ping_in(message, 12, 0, 0);
    for (size_t size = 0; size <= HEAD; size++)
        ends_always(message, size, &other);
}

static void messages_that_are_too_long(void **state) {
    static const size_t sizes[] = {HEAD + 12 + 1, 4096, HEAD + RAW_MESSAGE_BYTES + 1, 200000, MEGABYTE};
    uint8_t *message = calloc(1, MEGABYTE);
    struct raw other;

    (void)state;
    assert_non_null(message);
    guest_open(&other);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        (void)ping_in(message, 12, 0, 0);
        ends_always(message, sizes[i], &other);
        (void)ping_in(message, RAW_MESSAGE_BYTES, 0, 0);
        ends_always(message, sizes[i], &other);
    }
    free(message);
}

static void noise(void **state) {
    uint8_t message[2000];
    uint64_t random = 88172645463325252u;
    struct raw other;

    (void)state;
    guest_open(&other);
    for (size_t round = 0; round < 200; round++) {
        size_t size = 1 + round * round % sizeof(message);
        for (size_t i = 0; i < size; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            message[i] = (uint8_t)random;
        }
        if (round % 2 &&
            size > HEAD) /* an honest head before it: then it may be a frame that waits for its rest */
            raw_message_head(message, (uint32_t)(size - HEAD), 0), message[HEAD + 6] = 1;
        if (round % 2 && size < HEAD + 8)
            continue;
        ends(message, size, round % 4 < 2, &other);
    }
    fixture_until_fds(fixture_broker(), 1);
}

/* The head of one frame by one message each, and many frames in one. */
static void a_frame_in_messages_of_a_byte(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX], message[HEAD + 12];
    struct raw raw;

    (void)state;
    guest_open(&raw);
    size_t size = raw_pack_ping(bytes, 77, 0);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(raw_send_values(&raw, bytes + i, 1, NULL, 0), 0);
    guest_is_told(&raw, 77, 0);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(raw_message_write(raw.fd, message, ping_in(message, 12, 0, 0), soon()), 0);
    for (int i = 0; i < 5000; i++)
        guest_is_told(&raw, 5, 0);
}

/* Another client is answered before all of them are read. */
static void many_short_messages_keep_nobody_waiting(void **state) {
    enum { BYTES = 3000 };
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    struct raw raw, other;

    (void)state;
    guest_open(&raw);
    guest_open(&other);
    size_t size = raw_pack_ping(bytes, 77, 0), sent = 0, pings = 0;
    fixture_hold_broker();
    for (; sent < BYTES; sent++)
        assert_int_equal(raw_send_values(&raw, bytes + sent % size, 1, NULL, 0), 0);
    fixture_continue_broker();
    guest_is_served(&other);
    for (; pings < BYTES / size; pings++)
        guest_is_told(&raw, 77, 0);
    for (; sent % size; sent++)
        assert_int_equal(raw_send_values(&raw, bytes + sent % size, 1, NULL, 0), 0);
    if (pings * size < sent)
        guest_is_told(&raw, 77, 0);
    guest_is_served(&other);
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

/* The answer to a request for an event of what has that value here. */
static int evt_of_value(struct raw *raw, uint64_t value, int64_t number) {
    raw_request request = PORTD__V1__REQUEST__INIT;
    Portd__V1__DescriptorEvt descriptor = PORTD__V1__DESCRIPTOR_EVT__INIT;

    descriptor.number = number;
    descriptor.mode = PORTD__V1__MODE__MODE_READ;
    request.method_case = PORTD__V1__REQUEST__METHOD_FD_TO_EVT;
    request.fd_to_evt = &descriptor;
    return raw_code(raw_ask_values(raw, &request, &value, 1));
}

static void values_that_are_no_handles(void **state) {
    static const uint64_t values[] = {
        0,
        1,
        2,
        3, /* nothing, what stands for a socket to a client, and low bits alone */
        (uint64_t)-1,
        (uint64_t)-2,
        (uint64_t)-3,
        (uint64_t)-4,
        (uint64_t)-5,
        (uint64_t)-6,
        (uint64_t)-7,
        0xffffffff,
        0xfffffffe,
        0xfffffffd,
        0xfffffffc,
        0xfffffffb,
        0xfffffffa, /* in 32 bits */
        0x7ffffffc,
        0x7fffffff,
        0x80000000,
        0x80000004,
        UINT64_C(1) << 32,
        UINT64_C(1) << 63,
        UINT64_MAX >> 1,
    };
    struct raw raw;

    (void)state;
    guest_open(&raw);
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        assert_int_equal(evt_of_value(&raw, values[i], 5), MISMATCH);
        guest_is_served(&raw);
    }
    assert_int_equal(guest_quota(&raw, "descriptors", NULL), 0);
    fixture_until_fds(fixture_broker(), 1);
}

/* Most of them are open in the broker. */
static void values_of_the_brokers_handles(void **state) {
    struct raw raw;
    size_t n = 0;

    (void)state;
    guest_open(&raw);
    for (uintptr_t value = 4; value < 4096; value += 4) {
        DWORD flags;
        if (GetHandleInformation((HANDLE)value, &flags))
            continue; /* it is this process's, too */
        assert_int_equal(evt_of_value(&raw, value, 5), MISMATCH);
        n++;
    }
    assert_true(n > 100);
    fixture_until_fds(fixture_broker(), 1);
}

static void low_bits_do_not_count(void **state) {
    struct raw raw;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    (void)state;
    guest_open(&raw);
    for (unsigned bits = 0; bits < 4; bits++)
        assert_int_equal(evt_of_value(&raw, (uintptr_t)event | bits, 5), 0);
    assert_int_equal(guest_quota(&raw, "descriptors", NULL), 1); /* it was the same each time */
    assert_true(CloseHandle(event));
}

/* A value that is high where only 32 bits count. */
static void high_bits_count(void **state) {
    struct raw raw;
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    (void)state;
    guest_open(&raw);
    for (int bit = 31; bit < 64; bit++)
        assert_int_equal(evt_of_value(&raw, (uintptr_t)event | UINT64_C(1) << bit, 5), MISMATCH);
    assert_true(CloseHandle(event));
}

static void what_was_closed_is_not_taken(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct raw raw;

    (void)state;
    guest_open(&raw);
    fixture_hold_broker();
    assert_int_equal(
        raw_send_values(&raw, bytes, raw_pack_evt(bytes, 9, 5, false), &(uint64_t){(uintptr_t)event}, 1), 0);
    assert_true(CloseHandle(event));
    fixture_continue_broker();
    guest_is_told(&raw, 9, MISMATCH);
    guest_is_served(&raw);
}

/* One that is none among many that are. */
static void none_of_a_bad_message_is_kept(void **state) {
    uint8_t bytes[RAW_HEADER + RAW_BODY_MAX];
    uint64_t values[252];
    struct raw raw;
    int pipes[2];

    (void)state;
    guest_open(&raw);
    guest_pipe(pipes);
    for (size_t bad = 0; bad < 252; bad += 83) {
        for (size_t i = 0; i < 252; i++)
            values[i] = (uint64_t)pipes[1];
        values[bad] = (uint64_t)-1;
        assert_int_equal(raw_send_values(&raw, bytes, raw_pack_ping(bytes, 100 + bad, 252), values, 252), 0);
        guest_is_told(&raw, 100 + bad, MISMATCH);
    }
    guest_is_served(&raw);
    fixture_until_fds(fixture_broker(), 1);
}

/* ---- handles of other types ---------------------------------------------------------------------------------------- */

/* An answer that a client can understand, and a broker that goes on. What is kept goes with its session. */
static void is_answered_at(HANDLE handle, int line) {
    struct raw raw;

    if (!handle || handle == INVALID_HANDLE_VALUE)
        fail_msg("line %d: no handle: %lu", line, GetLastError());
    guest_open(&raw);
    int code = evt_of_value(&raw, (uintptr_t)handle, 5);
    assert_in_range(code, 0, SYSTEM);
    assert_int_not_equal(code, MISMATCH);
    guest_is_served(&raw);
    guest_close(&raw);
    assert_true(CloseHandle(handle));
}

#define is_answered(handle) is_answered_at(handle, __LINE__)

static HANDLE without_rights(HANDLE handle) {
    HANDLE copy;

    assert_true(DuplicateHandle(GetCurrentProcess(), handle, GetCurrentProcess(), &copy, 0, FALSE, 0));
    assert_true(CloseHandle(handle));
    return copy;
}

static HANDLE own_token(void) {
    HANDLE token;

    assert_true(OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token));
    return token;
}

static HANDLE own_key(void) {
    HKEY key;

    assert_int_equal(RegOpenKeyExW(HKEY_CURRENT_USER, L"Software", 0, KEY_READ, &key), 0);
    return key;
}

static void handles_of_all_types(void **state) {
    struct raw other;

    (void)state;
    guest_open(&other);
    is_answered(CreateMutexW(NULL, TRUE, NULL));
    is_answered(CreateSemaphoreW(NULL, 1, 1, NULL));
    is_answered(CreateEventW(NULL, FALSE, TRUE, NULL));
    is_answered(CreateWaitableTimerW(NULL, FALSE, NULL));
    is_answered(CreateJobObjectW(NULL, NULL));
    is_answered(CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1));
    is_answered(CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 4096, NULL));
    is_answered(OpenProcess(PROCESS_ALL_ACCESS, FALSE, GetCurrentProcessId()));
    is_answered(OpenThread(THREAD_ALL_ACCESS, FALSE, GetCurrentThreadId()));
    is_answered(own_token());
    is_answered(own_key());
    is_answered(without_rights(CreateEventW(NULL, TRUE, FALSE, NULL)));
    is_answered(without_rights(OpenProcess(PROCESS_ALL_ACCESS, FALSE, GetCurrentProcessId())));
    is_answered(without_rights(CreateFileW(L"NUL", GENERIC_READ, 0, NULL, OPEN_EXISTING, 0, NULL)));
    guest_is_served(&other);
    fixture_until_fds(fixture_broker(), 1);
}

/* Its process, by which it could be ended, and the pipes that clients speak to it by: for reading them, it would take what it is sent. */
static void handles_of_the_broker(void **state) {
    struct raw raw, other;

    (void)state;
    guest_open(&other);
    is_answered(OpenProcess(PROCESS_ALL_ACCESS, FALSE, (DWORD)fixture_broker()->pid));
    is_answered(OpenProcess(SYNCHRONIZE, FALSE, (DWORD)fixture_broker()->pid));
    guest_open(&raw);
    assert_int_not_equal(evt_of_value(&raw, (uint64_t)raw.fd, 5), 0);
    assert_int_not_equal(evt_of_value(&raw, (uint64_t)other.fd, 6), 0);
    guest_is_served(&raw);
    guest_is_served(&other);
    assert_int_equal(guest_quota(&raw, "descriptors", NULL), 0);
}

TEST_MAIN(FIXTURE_CASE(heads_that_lie), FIXTURE_CASE(what_must_be_zero),
          FIXTURE_CASE(messages_that_are_too_short), FIXTURE_CASE(messages_that_are_too_long),
          FIXTURE_CASE(noise), FIXTURE_CASE(a_frame_in_messages_of_a_byte),
          FIXTURE_CASE(many_short_messages_keep_nobody_waiting), FIXTURE_CASE(values_that_are_no_handles),
          FIXTURE_CASE(values_of_the_brokers_handles), FIXTURE_CASE(low_bits_do_not_count),
          FIXTURE_CASE(high_bits_count), FIXTURE_CASE(what_was_closed_is_not_taken),
          FIXTURE_CASE(none_of_a_bad_message_is_kept), FIXTURE_CASE(handles_of_all_types),
          FIXTURE_CASE(handles_of_the_broker))
