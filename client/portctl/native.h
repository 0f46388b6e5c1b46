/* native.h: what portctl asks of the platform. */
#ifndef NATIVE_H
#define NATIVE_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>

/* Before anything else is opened: if standard input, output or error is closed, takes its number, so that
 * nothing opened later gets it and is read or written for it. Writing to such a stream fails. Returns 0 or
 * an errno. */
int native_guard_standard(void);

/* Then, before anything is written: a full standard output or error is waited for, though somebody else has made it non-blocking. Returns 0
 * or an errno. */
int native_wait_for_streams(void);

/* Whether the number was open when the program began. */
bool native_is_open(portd_native number);

/* Of standard input (0), output (1) or error (2). */
bool native_is_terminal(int stream);
size_t native_terminal_width(void);

/* The time of day in microseconds since 1970. */
uint64_t native_wall_us(void);

void native_close(portd_native number);

/* A pipe that takes `least` bytes at once, and more where it can. False: there is none. */
bool native_pipe(portd_native ends[2], size_t least);

/* How long poll is to wait until then: milliseconds, rounded up, -1 without end. */
int native_time_left(int64_t deadline);

/* Waits until the descriptor is readable, or writable: 1; 0: the deadline has passed; PORTD_E_SYSTEM and errno. */
int native_await(portd_native number, bool writable, int64_t deadline);

/* Waits until portd_process has something to do: 1. When nobody reads standard output any more portctl ends by SIGPIPE, as if it had
 * written; where that is ignored: PORTD_E_SYSTEM, and failure_finish finds an error. */
int native_sleep(const portd_client *client);

/* The broker's program in the folder of portctl, or NULL. Freed by the caller. */
char *native_daemon(void);

/* The addresses of the user's and of the system's broker. Freed by the caller. */
char *native_user_address(void);
char *native_system_address(void);

#endif
