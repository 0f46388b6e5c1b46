/* wakeup_win.c: waits for the connection's handle, which is signalled when its pending read completes, and for an event. */
#include "wakeup.h"

#include <errno.h>
#include <windows.h>

int wakeup_init(struct wakeup *wakeup) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    wakeup->handle = event ? event : OS_FD_NONE;
    return event ? 0 : -ENOMEM;
}

void wakeup_deinit(struct wakeup *wakeup) {
    os_close(wakeup->handle);
    wakeup->handle = OS_FD_NONE;
}

void wakeup_raise(const struct wakeup *wakeup) { (void)SetEvent(wakeup->handle); }

void wakeup_take(const struct wakeup *wakeup) { (void)ResetEvent(wakeup->handle); }

/* Rounded up: a sleep that ends early would only have to be repeated. */
static DWORD milliseconds(int64_t us) {
    if (us < 0)
        return INFINITE;
    return us / 1000 >= INFINITE - 1 ? INFINITE - 1 : (DWORD)((us + 999) / 1000);
}

int wakeup_poll(const struct wakeup *wakeup, os_fd connection, unsigned events, int64_t timeout_us) {
    HANDLE handles[2] = {connection, wakeup->handle};
    DWORD woken = WaitForMultipleObjects(wakeup->handle == OS_FD_NONE ? 1 : 2, handles, FALSE,
                                         milliseconds(timeout_us));

    if (woken == WAIT_TIMEOUT)
        return 0;
    if (woken == WAIT_OBJECT_0)
        return WAKEUP_READ | (int)(events & WAKEUP_WRITE);
    if (woken != WAIT_OBJECT_0 + 1)
        return -EIO;
    return WAKEUP_RAISED;
}
