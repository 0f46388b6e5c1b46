/* ioctl.h: see posix.h. */
#ifndef WIN_SYS_IOCTL_H
#define WIN_SYS_IOCTL_H

#include "../posix.h"

#endif
