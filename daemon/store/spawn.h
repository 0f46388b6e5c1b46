/* spawn.h: starts a broker for its keeper. */
#ifndef SPAWN_H
#define SPAWN_H

#include "proto/os.h"

#include <sys/types.h>

enum { SPAWN_FIRST_FREE = 16 /* numbers below are for the broker */ };

/* The two ends of a new channel, from SPAWN_FIRST_FREE on. 0 or a negative errno. */
int spawn_pair(os_fd ends[2]);

/* program: its path. 0, or a negative errno and *pid is 0. The broker has no other descriptor of the keeper: all are closed in exec. Both are from SPAWN_FIRST_FREE on. */
int spawn_broker(const char *program, char **argv, os_fd channel, os_fd listener, pid_t *pid);

#endif
