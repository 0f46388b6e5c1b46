/* abandoned_win.c: nothing lies in a pipe but bytes: a handle is passed by a copy in the process that gets it. */
#include "abandoned.h"

bool abandoned_inside(void) { return false; }
