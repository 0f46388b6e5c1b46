/* wakeup_make_linux.c: an eventfd. */
#include "wakeup.h"

#include <errno.h>
#include <sys/eventfd.h>

int wakeup_make(struct wakeup *wakeup) {
    wakeup->handle = wakeup->writable = os_above_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return wakeup->handle < 0 ? -errno : 0;
}
