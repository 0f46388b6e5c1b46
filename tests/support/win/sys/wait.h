/* wait.h: see posix.h. */
#ifndef WIN_SYS_WAIT_H
#define WIN_SYS_WAIT_H

#include "../posix.h"

#endif
