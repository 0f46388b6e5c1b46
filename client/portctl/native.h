/* native.h: portctl's platform functions. */
#ifndef NATIVE_H
#define NATIVE_H

#include "client/portd.h"

#include <stdbool.h>
#include <stddef.h>

/* The words of the command line, in UTF-8, for the whole run; `words` where they are so already. NULL: there is no memory. */
char **native_words(int *n, char **words);

/* Called before anything is opened: if standard input, output or error is closed, occupies its number, so that nothing
 * opened later is read or written in its place. Writing to such a stream fails. Returns 0 or an errno. */
int native_guard_standard(void);

/* What an errno means, in words. */
const char *native_error_text(int error);

/* Whether the library translates the line ends of ports in text mode. */
bool native_translates_text(void);

/* Called next, before anything is written: makes stdio wait when standard output or error is full, even if another process
 * has made it non-blocking. Returns 0 or an errno. */
int native_wait_for_streams(void);

/* From now on a write to standard output that would wait beyond the deadline fails, and one to standard error that would wait a second
 * longer. Where native_wait_for_streams does nothing, neither does this. */
void native_limit_streams(int64_t deadline);

/* Whether a write to standard output has failed for that reason. */
bool native_output_late(void);

/* Why a write to standard output has failed first: an errno. 0: none has, or that is not known. */
int native_output_error(void);

/* What the system calls the descriptor that the command line names so: on Windows the handle of a standard stream for 0 to 2; else the number. */
portd_native native_number(uint64_t number);

/* Whether the number was open when the program began. */
bool native_is_open(portd_native number);

/* Of standard input (0), output (1) or error (2). */
bool native_is_terminal(int stream);
size_t native_terminal_width(void);

/* The time of day in microseconds since 1970. */
uint64_t native_wall_us(void);

void native_close(portd_native number);

/* Makes a pipe with a capacity of `wanted` bytes if it can, and of at least `least`. False: it cannot. */
bool native_pipe(portd_native ends[2], size_t least, size_t wanted);

/* Makes one as it comes. False: it cannot, errno. */
bool native_small_pipe(portd_native ends[2]);

/* Whether it has somebody at its other end, who may leave: a pipe, a socket or a terminal. True if that cannot be determined. */
bool native_has_peer(portd_native number);

/* Whether it is a socket that listens. */
bool native_listens(portd_native number);

/* Whether it is a regular file. */
bool native_is_file(portd_native number);

/* Whether `from` is the same file as `to` and is read before the place that is written: what is written would be read. */
bool native_feeds_itself(portd_native from, portd_native to);

/* Takes out what is in such a pipe, and drops it, without waiting: from now on its end does not block. Returns how many bytes that was. */
size_t native_drain(portd_native from);

/* Moves at most so many bytes from one to the other in the kernel, without waiting, if one of them is a pipe: how many, 0 at the end; -1 and errno,
 * ENOSYS or EINVAL where it cannot be done. */
int64_t native_splice(portd_native from, portd_native to, size_t most);

/* Whether it is a pipe that is open for writing. */
bool native_writes_pipe(portd_native number);

/* The timeout for poll: milliseconds until the deadline, rounded up; -1: none. */
int native_time_left(int64_t deadline);

/* Waits until the descriptor is readable, or writable: 1; 0: the deadline has passed, or a signal is to end portctl; PORTD_E_SYSTEM and errno. */
int native_await(portd_native number, bool writable, int64_t deadline);

/* Reads standard input: how many bytes, 0 at its end; PORTD_E_TIMEOUT, or PORTD_E_SYSTEM and errno. */
int64_t native_read_input(void *bytes, size_t size, int64_t deadline);

/* Waits until portd_process has work: 1. If standard output has lost its reader, portctl ends by SIGPIPE, as if it had
 * written; if that is ignored: PORTD_E_SYSTEM, and failure_finish reports the error. */
int native_sleep(const portd_client *client);

/* Writes the path of the running program to `path`, without a zero, and returns its length; 0: it is not known. */
size_t native_own_path(char *path, size_t size);

/* The path of portd in the directory of portctl, or NULL. Freed by the caller. */
char *native_daemon(void);

/* Whether the directory in which the user's broker has its own is there, and this user can create one in it. */
bool native_user_place(void);

/* The uid of a user by name. False: there is none, or the system has no uids. */
bool native_user(const char *name, uint64_t *uid);

/* The addresses of the user's and of the system's broker. Freed by the caller. */
char *native_user_address(void);
char *native_system_address(void);

#endif
