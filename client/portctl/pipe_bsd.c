/* pipe_bsd.c: native.h's pipes where the kernel chooses the capacity. */
#include "native.h"

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
