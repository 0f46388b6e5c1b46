/* kcmp.h: see posix.h. */
#ifndef WIN_LINUX_KCMP_H
#define WIN_LINUX_KCMP_H

#include "../posix.h"

#endif
