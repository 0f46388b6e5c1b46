/* inet.h: see posix.h. */
#ifndef WIN_ARPA_INET_H
#define WIN_ARPA_INET_H

#include "../posix.h"

#endif
