/* client_raw_native.h: the bytes of client_raw.h: a Unix socket (client_raw_unix.c) or a named pipe (client_raw_win.c).
 *
 * A descriptor is an int, on Windows the value of a handle. Results are 0 or more, or a negative errno. A deadline is of raw_native_now_ms;
 * 0: nothing waits. */
#ifndef CLIENT_RAW_NATIVE_H
#define CLIENT_RAW_NATIVE_H

#include "client_raw.h"

int64_t raw_native_now_ms(void);

int raw_native_connect(const char *address, int *fd);
void raw_native_close(int fd);

/* How many of the bytes were sent at once, the descriptors with the first; -EAGAIN: none until the deadline. */
ssize_t raw_native_send(int connection, const void *bytes, size_t size, const int *fds, size_t n,
                        int64_t deadline);

/* How many bytes came; 0: the connection has ended; -EAGAIN: none until the deadline. The descriptors that came are appended to raw->waiting.
 * size: at least RAW_HEADER + RAW_REPLY_MAX. */
ssize_t raw_native_receive(struct raw *raw, void *bytes, size_t size, int64_t deadline);

#endif
