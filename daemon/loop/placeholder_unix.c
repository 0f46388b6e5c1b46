/* placeholder_unix.c: placeholder.h with an idle descriptor, the placeholder, and dup2.
 *
 * close(2) frees the number first and waits afterwards. dup2 closes what was there, and waits just as close does, with the
 * placeholder in its place; that can then be closed without waiting. */
#define _GNU_SOURCE

#include "placeholder.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The reading end of a pipe that nobody writes to. */
int placeholder_open(struct placeholder *placeholder) {
    int ends[2];

    placeholder->fd = OS_FD_NONE;
    if (pipe(ends) < 0)
        return -errno;
    os_close(ends[1]);
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    placeholder->fd = ends[0];
    return 0;
}

void placeholder_close(struct placeholder *placeholder) {
    os_close(placeholder->fd);
    placeholder->fd = OS_FD_NONE;
}

/* An interrupted dup2 has still put the placeholder there. */
void placeholder_put(const struct placeholder *placeholder, os_fd fd) { (void)dup2(placeholder->fd, fd); }

void placeholder_drop(os_fd fd) { os_close(fd); }
