/* terminal_size_unix.c: by TIOCSWINSZ, which waits for nobody.
 *
 * Other systems than Linux stop a process that is in the background of that terminal, by SIGTTOU, unless it is blocked. */
#define _GNU_SOURCE
#include "terminal_size.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

int terminal_size_set(os_fd fd, enum inspect_type type, uint16_t rows, uint16_t columns) {
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    sigset_t stop, before;
    if (type != INSPECT_TTY) /* others may know a call of that number */
        return -ENOTTY;
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTTOU);
    int error = pthread_sigmask(SIG_BLOCK, &stop, &before);
    if (error)
        return -error;
    error = ioctl(fd, TIOCSWINSZ, &size) ? -errno : 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}
