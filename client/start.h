/* start.h: what connecting needs from the system: the environment, why an address did not answer, and starting the user's
 * own broker. */
#ifndef START_H
#define START_H

#include "proto/address.h"
#include "proto/transport.h"

#include <stddef.h>
#include <stdint.h>

/* The value of an environment variable; NULL if it is not set, empty, or not to be trusted in this process. */
const char *start_variable(const char *name);

/* The daemon that was installed together with this library, wherever that is now: in path, or NULL if there is none there. */
const char *start_program(char path[ADDRESS_MAX]);

/* Sleeps that long. */
void start_pause(int64_t us);

/* Says why connecting to an address failed with this negative errno. */
void start_reason(const char *address, int error, char *text, size_t size);

/* Starts the program `daemon` (an absolute path) as the user's broker at that address, if nobody else is just doing so,
 * waits until it is ready, and connects. 0 and *connection, -ETIMEDOUT at the deadline, or another negative errno, and
 * then `why` says what went wrong. */
int start_broker(const char *address, const char *daemon, int64_t deadline, struct transport *connection,
                 char *why, size_t why_size);

#endif
