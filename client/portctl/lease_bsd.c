/* lease_bsd.c: there are no descriptors of processes that another process could watch. */
#include "lease.h"

#include <errno.h>

int lease_open_process(uint32_t pid, portd_native *process) {
    (void)pid;
    *process = -1;
    return ENOSYS;
}
