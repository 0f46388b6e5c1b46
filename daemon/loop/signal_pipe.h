/* signal_pipe.h: signals as numbers that can be read where it suits, in the order of their coming. One for
 * each process. */
#ifndef SIGNAL_PIPE_H
#define SIGNAL_PIPE_H

#include "proto/os.h"

/* 0 and *readable, which can be polled, or a negative errno. -EBUSY: there is one. */
int signal_pipe_open(os_fd *readable);

/* From now on that signal is told here. 0 or a negative errno. */
int signal_pipe_catch(int number);

/* The next signal that has come; 0: none. */
int signal_pipe_next(void);

/* Gives every signal back to whoever had it before. */
void signal_pipe_close(void);

#endif
