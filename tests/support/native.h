/* native.h: what tests need of the system, under one name. A call that fails ends the case. */
#ifndef NATIVE_H
#define NATIVE_H

#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>

/* A pipe: ends[0] is for reading. Both ends block; os_close closes them. */
void native_pipe(os_fd ends[2]);

/* The bytes; 0: the end of the file; or a negative errno. -EINTR: thread_interrupt has ended it. */
ptrdiff_t native_read(os_fd fd, void *bytes, size_t size);
ptrdiff_t native_write(os_fd fd, const void *bytes, size_t size);

/* Something that can be opened as often as wanted. */
os_fd native_null(void);

bool native_is_open(os_fd fd);

/* Lets other threads run. */
void native_yield(void);

/* How many threads this process has; 0: the system does not tell. */
size_t native_threads(void);

/* The calling thread, and whether that thread sleeps in poll(2) or what the system has in its place; below 0: the system does not tell. */
int native_thread(void);
int native_sleeps_in_poll(int thread);

#endif
