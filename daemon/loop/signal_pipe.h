/* signal_pipe.h: signals as numbers that can be read where it suits, in the order of their coming. One for
 * each process.
 *
 * A signal that comes again before it was read is told once. Signals without end cost the process no more than it reads of them. */
#ifndef SIGNAL_PIPE_H
#define SIGNAL_PIPE_H

#include "proto/os.h"

/* 0 and *readable, which can be polled, or a negative errno. -EBUSY: there is one. */
int signal_pipe_open(os_fd *readable);

/* From now on that signal is told here; the calling thread takes it, also if it had it blocked. 0 or a negative errno. */
int signal_pipe_catch(int number);

/* The next signal that has come; 0: none. By the thread that has called signal_pipe_catch. Whoever reads until there is none may read for
 * ever, since the next may come at once. */
int signal_pipe_next(void);

/* Gives every signal back to whoever had it before, but for those whose action somebody has changed since. */
void signal_pipe_close(void);

#endif
