/* test_handle_win.c: pollable handles on Windows: event objects, and hints on events. */
#include "tests/support/ends_win.h"
/* after winsock2.h */
#include "tests/support/fixture.h"

static bool is_ready(portd_native handle) { return WaitForSingleObject((HANDLE)handle, 0) == WAIT_OBJECT_0; }

static bool becomes_ready(portd_native handle) {
    return WaitForSingleObject((HANDLE)handle, FIXTURE_PATIENCE_MS) == WAIT_OBJECT_0;
}

/* Not all import libraries have the call. */
static bool is_same(portd_native a, portd_native b) {
    BOOL(WINAPI * same)
    (HANDLE, HANDLE) = (BOOL(WINAPI *)(HANDLE, HANDLE))(void (*)(void))GetProcAddress(
        GetModuleHandleW(L"kernelbase.dll"), "CompareObjectHandles");

    return same && same((HANDLE)a, (HANDLE)b);
}

static portd_id event_of(portd_client *c, os_fd fd) {
    portd_id id;

    assert_int_equal(portd_fd_to_evt(c, (portd_native)fd, PORTD_MODE_READ, PORTD_FD, fixture_soon(), &id), 1);
    return id;
}

static portd_id semaphore_of(portd_client *c, os_fd fd) {
    portd_id id;

    assert_int_equal(portd_fd_to_semaphore(c, (portd_native)fd, PORTD_MODE_READ, fixture_soon(), &id), 1);
    return id;
}

static portd_native handle_of(portd_client *c, portd_id semaphore) {
    portd_native handle = -1;

    assert_int_equal(portd_handle_dup(c, semaphore, fixture_soon(), &handle), 1);
    return handle;
}

static void arm(portd_client *c, portd_id id, portd_native *handle) {
    assert_int_equal(portd_handle_arm(c, id, fixture_soon(), handle), 1);
}

static void a_semaphore_fires_once(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);
    portd_id id = semaphore_of(c, event);
    portd_native handle = handle_of(c, id), again = handle_of(c, id);

    (void)state;
    assert_true(is_same(handle, again));
    assert_false(is_ready(handle));
    assert_true(SetEvent(event));
    assert_true(becomes_ready(handle));
    assert_true(ResetEvent(event));
    assert_true(is_ready(handle) && is_ready(again)); /* for ever */
    os_close((os_fd)again);
    assert_int_equal(portd_release(c, &id, 1, fixture_soon()), 1);
    assert_true(is_ready(handle));
    os_close((os_fd)handle);
    os_close(event);
}

/* Nobody who has it can fire it, nor clear it. */
static void a_handle_can_only_be_waited_for(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);
    portd_native handles[2] = {handle_of(c, semaphore_of(c, event)), -1};
    HANDLE raised;

    (void)state;
    arm(c, event_of(c, event), &handles[1]);
    for (int i = 0; i < 2; i++) {
        assert_false(SetEvent((HANDLE)handles[i]));
        assert_false(ResetEvent((HANDLE)handles[i]));
        assert_false(DuplicateHandle(GetCurrentProcess(), (HANDLE)handles[i], GetCurrentProcess(), &raised,
                                     EVENT_MODIFY_STATE, FALSE, 0));
        assert_false(is_ready(handles[i]));
        os_close((os_fd)handles[i]);
    }
    os_close(event);
}

static void a_hint_is_armed_again(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);
    portd_id id = event_of(c, event);
    portd_native handle = -1;

    (void)state;
    assert_int_equal(portd_handle_dup(c, id, fixture_soon(), &handle), PORTD_E_UNSUPPORTED);
    for (int i = 0; i < 3; i++) {
        arm(c, id, &handle);
        assert_false(is_ready(handle));
        arm(c, id, &handle); /* it is armed already */
        assert_false(is_ready(handle));
        assert_true(SetEvent(event));
        assert_true(becomes_ready(handle));
        assert_true(ResetEvent(event));
        assert_true(is_ready(handle)); /* it was ready, once */
    }
    assert_true(SetEvent(event));
    arm(c, id, &handle);
    assert_true(is_ready(handle)); /* at once */
    assert_true(ResetEvent(event));
    arm(c, id, &handle);
    assert_false(is_ready(handle));
    assert_int_equal(portd_remove(c, id, fixture_soon()), 1);
    assert_true(becomes_ready(handle));
    arm(c, id, &handle);
    assert_true(is_ready(handle)); /* for ever */
    os_close((os_fd)handle);
    os_close(event);
}

/* Two processes of a session share it, and each arms it. */
static void a_hint_is_shared(void **state) {
    portd_client *c = fixture_client(NULL);
    portd_options options = PORTD_OPTIONS_INIT;
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);
    portd_id id = event_of(c, event);
    portd_native handles[2] = {-1, -1};

    (void)state;
    options.token = portd_session_token(c);
    portd_client *other = fixture_client(&options);
    arm(c, id, &handles[0]);
    arm(other, id, &handles[1]);
    assert_true(is_same(handles[0], handles[1]));
    assert_true(SetEvent(event));
    for (int i = 0; i < 2; i++) {
        assert_true(becomes_ready(handles[i]));
        os_close((os_fd)handles[i]);
    }
    os_close(event);
}

static void they_end_with_the_session(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd event = CreateEventW(NULL, TRUE, FALSE, NULL);
    portd_native hint = -1, handle = handle_of(c, semaphore_of(c, event));

    (void)state;
    arm(c, event_of(c, event), &hint);
    assert_false(is_ready(hint) || is_ready(handle));
    assert_int_equal(portd_end_session(c, portd_session_id(c), fixture_soon()), 1);
    assert_true(becomes_ready(hint) && becomes_ready(handle));
    os_close((os_fd)hint);
    os_close((os_fd)handle);
    os_close(event);
}

/* Of a pipe that only a thread may look into. */
static void a_hint_of_a_plain_pipe(void **state) {
    portd_client *c = fixture_client(NULL);
    os_fd ends[2];
    portd_native handle = -1;
    char byte;
    DWORD n;

    (void)state;
    ends_plain_pipe(ends);
    portd_id id = event_of(c, ends[0]);
    for (int i = 0; i < 3; i++) {
        arm(c, id, &handle);
        assert_true(WriteFile(ends[1], "x", 1, &n, NULL));
        assert_true(becomes_ready(handle));
        assert_true(ReadFile(ends[0], &byte, 1, &n, NULL));
    }
    arm(c, id, &handle);
    os_close(ends[1]);
    assert_true(becomes_ready(handle));
    os_close((os_fd)handle);
    os_close(ends[0]);
}

int main(void) {
    struct CMUnitTest cases[] = {
        FIXTURE_CASE(a_semaphore_fires_once),    FIXTURE_CASE(a_handle_can_only_be_waited_for),
        FIXTURE_CASE(a_hint_is_armed_again),     FIXTURE_CASE(a_hint_is_shared),
        FIXTURE_CASE(they_end_with_the_session), FIXTURE_CASE(a_hint_of_a_plain_pipe)};

    return TEST_RUN(cases);
}
