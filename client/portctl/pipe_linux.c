/* pipe_linux.c: native.h's pipes, whose capacity can be chosen, and splice(2). */
#define _GNU_SOURCE
#include "native.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DRAIN = 1 << 20 }; /* in one call */

bool native_small_pipe(portd_native ends[2]) {
    int own[2];

    if (pipe2(own, O_CLOEXEC) != 0)
        return false;
    ends[0] = own[0];
    ends[1] = own[1];
    return true;
}

bool native_pipe(portd_native ends[2], size_t least, size_t wanted) {
    if (!native_small_pipe(ends))
        return false;
    (void)fcntl((int)ends[1], F_SETPIPE_SZ, (int)wanted);
    if (fcntl((int)ends[1], F_GETPIPE_SZ) >= (int)least)
        return true;
    native_close(ends[0]);
    native_close(ends[1]);
    ends[0] = ends[1] = -1;
    return false;
}

/* A read would wait if somebody else took the bytes just before. */
size_t native_drain(portd_native from) {
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC), there = 0;
    size_t count = 0;
    ssize_t n;

    if (null < 0)
        return ioctl((int)from, FIONREAD, &there) == 0 && there > 0 ? (size_t)there : 0;
    while ((n = splice((int)from, NULL, null, NULL, DRAIN, SPLICE_F_NONBLOCK)) > 0)
        count += (size_t)n;
    (void)close(null);
    return count;
}

int64_t native_splice(portd_native from, portd_native to, size_t most) {
    return splice((int)from, NULL, (int)to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}
