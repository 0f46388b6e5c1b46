/* socket.h: see posix.h. */
#ifndef WIN_SYS_SOCKET_H
#define WIN_SYS_SOCKET_H

#include "../posix.h"

#endif
