/* in.h: see posix.h. */
#ifndef WIN_NETINET_IN_H
#define WIN_NETINET_IN_H

#include "../posix.h"

#endif
