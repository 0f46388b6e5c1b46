/* epoll.h: see posix.h. */
#ifndef WIN_SYS_EPOLL_H
#define WIN_SYS_EPOLL_H

#include "../posix.h"

#endif
