/* pipe_linux.c: native.h's pipes, whose capacity can be chosen, and splice(2). */
#define _GNU_SOURCE
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

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

/* The broker may still have the end, and take from it; it never waits there, whatever the end's flags are. */
size_t native_drain(portd_native from) {
    char bytes[4096];
    size_t count = 0;
    ssize_t n = 1;

    if (fcntl((int)from, F_SETFL, O_NONBLOCK) < 0)
        return 0;
    while (n > 0 || (n < 0 && errno == EINTR)) {
        n = read((int)from, bytes, sizeof(bytes));
        count += n > 0 ? (size_t)n : 0;
    }
    return count;
}

int64_t native_splice(portd_native from, portd_native to, size_t most) {
    return splice((int)from, NULL, (int)to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}
