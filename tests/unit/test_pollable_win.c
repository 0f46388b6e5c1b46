/* test_pollable_win.c: handles as a client of Windows sees them: a copy that it can wait for, and nothing else. */
#include "tests/support/ends_win.h"
/* after winsock2.h */
#include "tests/support/test.h"

#include "daemon/object/pollable.h"

#include <sddl.h>

static bool is_ready(os_fd fd) {
    DWORD result = WaitForSingleObject(fd, 0);

    assert_true(result == WAIT_OBJECT_0 || result == WAIT_TIMEOUT);
    return result == WAIT_OBJECT_0;
}

static bool raise_to(os_fd fd, DWORD rights) {
    HANDLE copy;

    if (!DuplicateHandle(GetCurrentProcess(), fd, GetCurrentProcess(), &copy, rights, FALSE, 0))
        return false;
    os_close(copy);
    return true;
}

static void a_semaphore_is_ready_once_fired(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(false, &wakeup), copy = os_dup(handle);

    (void)state;
    assert_true(handle != OS_FD_NONE && wakeup != OS_FD_NONE && copy != OS_FD_NONE);
    assert_int_equal(pollable_semaphore_fds(), 2);
    assert_int_equal(pollable_semaphore_form(), POLLABLE_EVENT_OBJECT);
    assert_false(is_ready(copy));
    assert_false(pollable_semaphore_blocks(handle));
    assert_false(pollable_semaphore_fire(handle));
    assert_true(pollable_semaphore_ring(handle, wakeup));
    assert_true(pollable_semaphore_ring(handle, wakeup));
    assert_int_equal(pollable_semaphore_end(handle), 0);
    for (int i = 0; i < 100; i++)
        assert_true(is_ready(copy)); /* a wait takes nothing */
    os_close(wakeup);
    os_close(handle);
    assert_true(is_ready(copy));
    os_close(copy);
}

static void one_that_has_fired(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(true, &wakeup);

    (void)state;
    assert_true(wakeup == OS_FD_NONE);
    assert_true(is_ready(handle));
    assert_true(pollable_semaphore_ring(handle, wakeup));
    os_close(handle);
    assert_true(is_ready(pollable_always()));
    assert_int_equal(pollable_init(), 0);
}

/* As when the broker dies. */
static void closing_does_not_fire(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(false, &wakeup), copy = os_dup(handle);

    (void)state;
    os_close(wakeup);
    os_close(handle);
    assert_false(is_ready(copy));
    os_close(copy);
}

static void a_holder_can_only_wait(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(false, &wakeup);

    (void)state;
    assert_false(SetEvent(handle));
    assert_false(ResetEvent(handle));
    assert_false(raise_to(handle, EVENT_MODIFY_STATE));
    assert_false(raise_to(handle, EVENT_ALL_ACCESS));
    assert_true(raise_to(handle, SYNCHRONIZE));
    assert_false(is_ready(handle));
    os_close(handle);
    os_close(wakeup);
}

/* Whether the rights that an access list leaves to the owner bind him here. */
static bool owners_are_bound(void) {
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof(attributes)};
    HANDLE event, less;

    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;RC;;;OW)", SDDL_REVISION_1,
                                                                     &attributes.lpSecurityDescriptor, NULL));
    event = CreateEventW(&attributes, TRUE, FALSE, NULL);
    (void)LocalFree(attributes.lpSecurityDescriptor);
    assert_non_null(event);
    assert_true(
        DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &less, SYNCHRONIZE, FALSE, 0));
    bool raised = raise_to(less, WRITE_DAC);
    os_close(less);
    os_close(event);
    return !raised;
}

/* Whose access list lets a holder of the broker's own user change it, lets him do everything. */
static void a_holder_cannot_change_the_list(void **state) {
    os_fd wakeup, handle = pollable_semaphore_new(false, &wakeup);
    bool raised = raise_to(handle, WRITE_DAC);

    (void)state;
    os_close(handle);
    os_close(wakeup);
    if (raised && !owners_are_bound())
        test_skip("this system knows no rights of the owner in an access list (wine)");
    assert_false(raised);
}

static void a_hint_is_rung_and_cleared(void **state) {
    os_fd wakeup, handle = pollable_hint_new(&wakeup), copy = os_dup(handle);

    (void)state;
    assert_int_equal(pollable_evt_form(), POLLABLE_HINT);
    for (int i = 0; i < 3; i++) {
        assert_false(is_ready(copy));
        pollable_hint_clear(handle, wakeup);
        assert_true(pollable_hint_ring(wakeup));
        assert_true(pollable_hint_ring(wakeup));
        assert_true(is_ready(copy));
        pollable_hint_clear(handle, wakeup);
    }
    assert_false(ResetEvent(copy));
    assert_true(pollable_hint_ring(wakeup));
    os_close(wakeup); /* it has ended */
    assert_true(is_ready(copy));
    os_close(handle);
    os_close(copy);
}

TEST_MAIN(TEST_CASE(a_semaphore_is_ready_once_fired), TEST_CASE(one_that_has_fired),
          TEST_CASE(closing_does_not_fire), TEST_CASE(a_holder_can_only_wait),
          TEST_CASE(a_holder_cannot_change_the_list), TEST_CASE(a_hint_is_rung_and_cleared))
