/* pipe_bsd.c: native.h's pipes where the kernel chooses the capacity, and moves nothing from one descriptor to another. */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool native_small_pipe(portd_native ends[2]) {
    int own[2];

    if (pipe(own) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        (void)fcntl(own[i], F_SETFD, FD_CLOEXEC);
        ends[i] = own[i];
    }
    return true;
}

bool native_pipe(portd_native ends[2], size_t least, size_t wanted) {
    (void)least;
    (void)wanted;
    ends[0] = ends[1] = -1;
    return false;
}

size_t native_drain(portd_native from) {
    (void)from;
    return 0;
}

int64_t native_splice(portd_native from, portd_native to, size_t most) {
    (void)from;
    (void)to;
    (void)most;
    errno = ENOSYS;
    return -1;
}
