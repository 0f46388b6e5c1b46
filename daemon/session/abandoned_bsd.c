/* abandoned_bsd.c: the system has no call for what is in a socket's queue. */
#include "abandoned.h"

bool abandoned_inside(void) { return false; }
