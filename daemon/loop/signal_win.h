/* signal_win.h: what else becomes a signal of signal_pipe.h on Windows. */
#ifndef SIGNAL_WIN_H
#define SIGNAL_WIN_H

#include <stdbool.h>

/* As if the signal had come to this process: from any thread. False: nobody catches it. */
bool signal_win_send(int number);

#endif
