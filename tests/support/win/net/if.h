/* if.h: see posix.h. */
#ifndef WIN_NET_IF_H
#define WIN_NET_IF_H

#include "../posix.h"

#endif
