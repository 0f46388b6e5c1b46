/* syscall.h: see posix.h. */
#ifndef WIN_SYS_SYSCALL_H
#define WIN_SYS_SYSCALL_H

#include "../posix.h"

#endif
