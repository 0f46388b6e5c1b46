/* lease_linux.c: a process for the broker to watch, as a pidfd. */
#define _GNU_SOURCE
#include "lease.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int lease_open_process(uint32_t pid, portd_native *process) {
    long fd = syscall(SYS_pidfd_open, (pid_t)pid, 0);

    *process = fd;
    return fd >= 0 ? 0 : errno == EPERM ? ENOSYS : errno; /* EPERM: a sandbox without this call */
}
