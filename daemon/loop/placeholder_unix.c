/* placeholder_unix.c: placeholder.h with an idle descriptor, the placeholder, and dup2.
 *
 * close(2) frees the number before it blocks. dup2 puts the placeholder in its place, and blocks as close does; closing the placeholder
 * does not block. */
#define _GNU_SOURCE

#include "placeholder.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The read end of a pipe without a writer. */
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

/* An interrupted dup2 has put the placeholder there nevertheless. */
void placeholder_put(const struct placeholder *placeholder, os_fd fd) { (void)dup2(placeholder->fd, fd); }

void placeholder_drop(os_fd fd) { os_close(fd); }
