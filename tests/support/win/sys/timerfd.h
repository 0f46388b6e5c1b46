/* timerfd.h: see posix.h. */
#ifndef WIN_SYS_TIMERFD_H
#define WIN_SYS_TIMERFD_H

#include "../posix.h"

#endif
