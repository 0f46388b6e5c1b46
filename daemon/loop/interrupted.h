/* interrupted.h: what a signal handler changes in the thread that it has interrupted. */
#ifndef INTERRUPTED_H
#define INTERRUPTED_H

/* The signal is blocked in that thread when the handler returns. context is the handler's third argument. */
void interrupted_block(void *context, int number);

#endif
