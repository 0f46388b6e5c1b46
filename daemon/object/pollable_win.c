/* pollable_win.c: pollable.h with event objects, and hints for events.
 *
 * A handle is an event object that its holders may wait for and nothing else. The broker's own handle of it, the wakeup, sets it, and resets a hint. A
 * handle with fewer rights is not enough for that: whoever has one can ask for more (DuplicateHandle), and then the object's access list decides, or nothing
 * does if there is none. The list admits nobody; its entry for the owner takes from that the right to change the list. (wine leaves the
 * owner that right.)
 *
 * Setting an event waits for nobody and needs no memory. It stays set, for the wakeup is the only handle that resets it, and hints that have ended are not
 * reset. When the broker has exited nothing changes any more. */
#include "pollable.h"

#include <errno.h>
#include <windows.h>

#include <sddl.h>

enum pollable_form pollable_semaphore_form(void) { return POLLABLE_EVENT_OBJECT; }

enum pollable_form pollable_evt_form(void) { return POLLABLE_HINT; }

size_t pollable_semaphore_fds(void) { return 2; }

/* NULL: with GetLastError. */
static HANDLE event_new(bool set) {
    SECURITY_ATTRIBUTES attributes = {.nLength = sizeof attributes};
    HANDLE event;

    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(L"D:P(A;;RC;;;OW)", SDDL_REVISION_1,
                                                              &attributes.lpSecurityDescriptor, NULL))
        return NULL;
    event = CreateEventW(&attributes, TRUE, set, NULL);
    (void)LocalFree(attributes.lpSecurityDescriptor);
    return event;
}

os_fd pollable_semaphore_new(bool fired, os_fd *wakeup) {
    HANDLE event = event_new(fired), handle;

    *wakeup = OS_FD_NONE;
    if (!event) {
        errno = ENOMEM;
        return OS_FD_NONE;
    }
    if (!DuplicateHandle(GetCurrentProcess(), event, GetCurrentProcess(), &handle, SYNCHRONIZE, FALSE, 0)) {
        (void)CloseHandle(event);
        errno = ENOMEM;
        return OS_FD_NONE;
    }
    if (fired)
        (void)CloseHandle(event);
    else
        *wakeup = event;
    return handle;
}

os_fd pollable_always_new(void) {
    os_fd wakeup;

    return pollable_semaphore_new(true, &wakeup);
}

os_fd pollable_always(void) {
    static os_fd ready = OS_FD_NONE;

    if (ready == OS_FD_NONE)
        ready = pollable_always_new();
    return ready;
}

bool pollable_semaphore_blocks(os_fd handle) {
    (void)handle;
    return false;
}

/* The wakeup is needed. */
bool pollable_semaphore_fire(os_fd handle) {
    (void)handle;
    return false;
}

/* For ever. A handle without a wakeup has been ready from the start. */
bool pollable_semaphore_ring(os_fd handle, os_fd wakeup) {
    (void)handle;
    return wakeup == OS_FD_NONE || SetEvent(wakeup);
}

int pollable_semaphore_end(os_fd handle) {
    (void)handle;
    return 0;
}

os_fd pollable_hint_new(os_fd *wakeup) { return pollable_semaphore_new(false, wakeup); }

bool pollable_hint_ring(os_fd wakeup) { return SetEvent(wakeup); }

void pollable_hint_clear(os_fd handle, os_fd wakeup) {
    (void)handle;
    (void)ResetEvent(wakeup);
}

int pollable_init(void) { return pollable_always() == OS_FD_NONE ? -errno : 0; }
