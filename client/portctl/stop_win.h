/* stop_win.h: what else waits in portctl waits for. */
#ifndef STOP_WIN_H
#define STOP_WIN_H

#include <windows.h>

/* An event that is signalled once stop_asked is not 0; NULL before stop_begin. */
HANDLE stop_event(void);

#endif
