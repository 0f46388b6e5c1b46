/* activation_macos.c: activation.h with launchd, whose property list (portd.plist) names the listener "portd". */
#include "activation.h"

#include <errno.h>
#include <fcntl.h>
#include <launch.h>
#include <stdlib.h>

/* ESRCH: launchd has not started this process; ENOENT: its list names no such socket. */
int activation_listener(os_fd *listener) {
    int *fds = NULL, error;
    size_t n = 0;

    *listener = OS_FD_NONE;
    error = launch_activate_socket("portd", &fds, &n);
    if (error)
        return error == ESRCH || error == ENOENT ? 0 : -error;
    for (size_t i = 1; i < n; i++)
        os_close(fds[i]);
    if (n > 0)
        *listener = fds[0];
    free(fds);
    if (n == 0)
        return 0;
    if (fcntl(*listener, F_SETFD, FD_CLOEXEC) == 0)
        return (int)n;
    error = errno;
    os_close(*listener);
    *listener = OS_FD_NONE;
    return -error;
}
