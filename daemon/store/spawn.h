/* spawn.h: starts a broker for its keeper. */
#ifndef SPAWN_H
#define SPAWN_H

#include "proto/os.h"

#include <sys/types.h>

enum { SPAWN_FIRST_FREE = 16 /* numbers below are for the broker */ };

/* The two ends of a new channel, from SPAWN_FIRST_FREE on. 0 or a negative errno. */
int spawn_pair(os_fd ends[2]);

/* What the broker gets: from SPAWN_FIRST_FREE on. It has no other descriptor of the keeper: all are closed in exec. */
struct spawn_fds {
    os_fd channel, listener;
    os_fd link; /* OS_FD_NONE: none */
};

/* program: its path. 0, or a negative errno and *pid is 0. */
int spawn_broker(const char *program, char **argv, const struct spawn_fds *fds, pid_t *pid);

#endif
