/* stream_win.h: the parts of stream.h for Windows. */
#ifndef STREAM_WIN_H
#define STREAM_WIN_H

#include "stream.h"

/* stream_work for a socket. */
int stream_socket_work(struct stream_job *job);

/* stream_work's result for an error of the system: -EAGAIN if the call was cancelled. */
int stream_error(unsigned long error);

/* An overlapped operation on a foreign file. Its event has the low bit set: its completion is then told to nobody but us, whatever completion port the file
 * belongs to. NULL: no memory. */
struct _OVERLAPPED;
void *stream_operation(struct _OVERLAPPED *operation);

#endif
