/* resource.h: see posix.h. */
#ifndef WIN_SYS_RESOURCE_H
#define WIN_SYS_RESOURCE_H

#include "../posix.h"

#endif
