/* splice_none.c: the part of native.h for systems whose kernel moves nothing from one descriptor to another. */
#include "native.h"

#include <errno.h>

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
