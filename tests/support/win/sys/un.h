/* un.h: see posix.h. */
#ifndef WIN_SYS_UN_H
#define WIN_SYS_UN_H

#include "../posix.h"

#endif
