/* signal_pipe.h: turns signals into numbers to be read from a descriptor, in the order of their arrival. One per process.
 *
 * A signal that arrives again before it is read is read once. A flood of signals costs no more than the process reads. */
#ifndef SIGNAL_PIPE_H
#define SIGNAL_PIPE_H

#include "proto/os.h"

/* *readable: a descriptor to poll, closed by signal_pipe_close. 0 or a negative errno; -EBUSY: it is open already. */
int signal_pipe_open(os_fd *readable);

/* Catches the signal, and unblocks it in the calling thread. 0 or a negative errno. */
int signal_pipe_catch(int number);

/* The next signal that has arrived; 0: none. From the thread that has called signal_pipe_catch. Do not loop until it returns 0: the next
 * signal may arrive at once, for ever. */
int signal_pipe_next(void);

/* Restores the previous action of each signal, unless the action was changed since. */
void signal_pipe_close(void);

#endif
