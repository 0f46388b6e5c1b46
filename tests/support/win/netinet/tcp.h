/* tcp.h: see posix.h. */
#ifndef WIN_NETINET_TCP_H
#define WIN_NETINET_TCP_H

#include "../posix.h"

#endif
