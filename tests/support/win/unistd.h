/* unistd.h: see posix.h. */
#ifndef WIN_UNISTD_H
#define WIN_UNISTD_H

#include_next <unistd.h>

#include "posix.h"

#endif
