/* signalfd.h: see posix.h. */
#ifndef WIN_SYS_SIGNALFD_H
#define WIN_SYS_SIGNALFD_H

#include "../posix.h"

#endif
