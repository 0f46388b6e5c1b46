/* start.h: system calls for connecting: the environment, why an address did not answer, starting the user's broker. */
#ifndef START_H
#define START_H

#include "proto/address.h"
#include "proto/transport.h"

#include <stddef.h>
#include <stdint.h>

/* The value of an environment variable; NULL if it is not set, empty, or this process has raised privileges. */
const char *start_variable(const char *name);

/* Sleeps for `us` microseconds. */
void start_pause(int64_t us);

/* Writes to text why connecting to an address failed with this negative errno, or why address_user refused it. */
void start_reason(const char *address, int error, char *text, size_t size);
void start_reason_user(const char *address, int error, char *text, size_t size);

/* Starts the program `daemon` (an absolute path) as the user's broker at that address, unless another process is starting
 * one, waits until it is ready, and connects. 0 and *connection; -ETIMEDOUT at the deadline, or another negative errno: then
 * `why` says what failed. */
int start_broker(const char *address, const char *daemon, int64_t deadline, struct transport *connection,
                 char *why, size_t why_size);

#endif
