/* stand_in_unix.c: stand_in.h with an idle descriptor, the stand-in, and dup2.
 *
 * close(2) frees the number first and waits afterwards. dup2 closes what was there, and waits just as close does, with the
 * stand-in in its place; that can then be closed without waiting. */
#define _GNU_SOURCE

#include "stand_in.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The reading end of a pipe that nobody writes to. */
int stand_in_open(struct stand_in *stand_in) {
    int ends[2];

    stand_in->fd = OS_FD_NONE;
    if (pipe(ends) < 0)
        return -errno;
    os_close(ends[1]);
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    stand_in->fd = ends[0];
    return 0;
}

void stand_in_close(struct stand_in *stand_in) {
    os_close(stand_in->fd);
    stand_in->fd = OS_FD_NONE;
}

/* An interrupted dup2 has still put the stand-in there. */
void stand_in_put(const struct stand_in *stand_in, os_fd fd) { (void)dup2(stand_in->fd, fd); }

void stand_in_drop(os_fd fd) { os_close(fd); }
