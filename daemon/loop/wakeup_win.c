/* wakeup_win.c: wakeup.h with a manual-reset event, which stays signalled until it is cleared. */
#include "wakeup.h"

#include <errno.h>
#include <windows.h>

int wakeup_open(struct wakeup *wakeup) {
    HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

    *wakeup = (struct wakeup){event ? event : OS_FD_NONE, OS_FD_NONE};
    return event ? 0 : -ENOMEM;
}

void wakeup_close(struct wakeup *wakeup) {
    os_close(wakeup->readable);
    *wakeup = (struct wakeup){OS_FD_NONE, OS_FD_NONE};
}

void wakeup_wait(const struct wakeup *wakeup, int timeout_ms) {
    (void)WaitForSingleObject(wakeup->readable, timeout_ms < 0 ? INFINITE : (DWORD)timeout_ms);
}

/* These fail for no event of ours. */
void wakeup_send(const struct wakeup *wakeup) { (void)SetEvent(wakeup->readable); }

void wakeup_clear(const struct wakeup *wakeup) { (void)ResetEvent(wakeup->readable); }
