/* handle_none.c: handle.h where the broker makes what is polled. */
#include "handle.h"

int handle_attach(bool semaphore, os_fd *attached) {
    (void)semaphore;
    *attached = OS_FD_NONE;
    return 0;
}
