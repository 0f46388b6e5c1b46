/* inspect_own_linux.h: between inspect_own_linux.c, which recognizes connections to this broker, and inspect_linux.c. */
#ifndef INSPECT_OWN_LINUX_H
#define INSPECT_OWN_LINUX_H

#include "inspect.h"

/* How open files are compared, and which devices the kernel's own files have. */
void inspect_learn(void);

/* The pidfd inode of the process that called listen(2), which no other process ever gets. 0: this kernel does not provide it. */
uint64_t inspect_listening_process(os_fd fd, os_fd *opened);

#endif
