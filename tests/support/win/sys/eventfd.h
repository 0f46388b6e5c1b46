/* eventfd.h: see posix.h. */
#ifndef WIN_SYS_EVENTFD_H
#define WIN_SYS_EVENTFD_H

#include "../posix.h"

#endif
