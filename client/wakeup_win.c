/* wakeup_win.c: waits for two events: that of the connection (transport_win.c) and one that is raised.
 *
 * The connection's event does not say which direction is ready. So a connection that is waited for in both is reported as ready for both, and
 * what cannot be done yet answers so. */
#include "wakeup.h"

#include <errno.h>
#include <windows.h>

int wakeup_init(struct wakeup *wakeup) { return wakeup_make(wakeup); }

int wakeup_make(struct wakeup *wakeup) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    wakeup->handle = wakeup->writable = event ? event : OS_FD_NONE;
    return event ? 0 : -ENOMEM;
}

void wakeup_deinit(struct wakeup *wakeup) {
    os_close(wakeup->handle);
    wakeup->handle = wakeup->writable = OS_FD_NONE;
}

void wakeup_raise(const struct wakeup *wakeup) {
    DWORD error = GetLastError();

    (void)SetEvent(wakeup->handle);
    SetLastError(error);
}

void wakeup_take(const struct wakeup *wakeup) { (void)ResetEvent(wakeup->handle); }

/* Rounded up: a sleep that ends early would only have to be repeated. */
static DWORD milliseconds(int64_t us) {
    if (us < 0)
        return INFINITE;
    return us / 1000 >= INFINITE - 1 ? INFINITE - 1 : (DWORD)((us + 999) / 1000);
}

static bool is_raised(HANDLE event) { return WaitForSingleObject(event, 0) == WAIT_OBJECT_0; }

int wakeup_poll(const struct wakeup *wakeup, os_fd connection, unsigned events, int64_t timeout_us) {
    const int ready = WAKEUP_READ | (int)(events & WAKEUP_WRITE);
    const bool raises = wakeup->handle != OS_FD_NONE;
    HANDLE handles[2] = {connection, wakeup->handle};
    DWORD woken = WaitForMultipleObjects(raises ? 2 : 1, handles, FALSE, milliseconds(timeout_us));

    if (woken == WAIT_TIMEOUT)
        return 0;
    if (woken == WAIT_OBJECT_0)
        return ready | (raises && is_raised(wakeup->handle) ? WAKEUP_RAISED : 0);
    return woken == WAIT_OBJECT_0 + 1 ? WAKEUP_RAISED : -EIO;
}
