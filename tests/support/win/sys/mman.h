/* mman.h: see posix.h. */
#ifndef WIN_SYS_MMAN_H
#define WIN_SYS_MMAN_H

#include "../posix.h"

#endif
