/* poll.h: see posix.h. */
#ifndef WIN_POLL_H
#define WIN_POLL_H

#include "posix.h"

#endif
