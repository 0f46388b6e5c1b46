/* inotify.h: see posix.h. */
#ifndef WIN_SYS_INOTIFY_H
#define WIN_SYS_INOTIFY_H

#include "../posix.h"

#endif
