/* wakeup_make_bsd.c: a pipe. */
#include "wakeup.h"

#include "proto/calls.h"

#include <errno.h>

int wakeup_make(struct wakeup *wakeup) {
    int ends[2];

    *wakeup = (struct wakeup){OS_FD_NONE, OS_FD_NONE};
    if (calls_pipe(ends, false) < 0)
        return -errno;
    wakeup->handle = os_above_standard(ends[0]);
    wakeup->writable = os_above_standard(ends[1]);
    if (wakeup->handle != OS_FD_NONE && wakeup->writable != OS_FD_NONE)
        return 0;
    int error = errno;
    os_close(wakeup->handle);
    os_close(wakeup->writable);
    *wakeup = (struct wakeup){OS_FD_NONE, OS_FD_NONE};
    return -error;
}
