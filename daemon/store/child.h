/* child.h: a broker as its keeper has it, from its start until it was waited for and all that it wrote was read. */
#ifndef CHILD_H
#define CHILD_H

#include "daemon/loop/loop.h"
#include "proto/channel.h"

#include <stdbool.h>
#include <sys/types.h>

struct keeper;

struct child {
    struct keeper *keeper;
    pid_t pid; /* 0: there is none */
    struct channel channel;
    struct loop_watch watch;
    bool dead;       /* that has died, but not all that it wrote is read */
    int wait_status; /* then */
    bool refused;    /* nothing more of it is read */
};

/* Starts a broker, with one end of a new channel, which is watched, and that link, which stays the caller's; OS_FD_NONE: none. 0 or a negative errno. */
int child_start(struct child *child, os_fd link, void (*heard)(struct loop_watch *watch, unsigned events));

/* Not once it was waited for: its number may be another process's. */
void child_signal(const struct child *child, int number);

/* Whether it has died. */
bool child_wait(struct child *child);

/* It was waited for: closes its channel. What it wrote and was not read is lost. */
void child_drop(struct child *child);

/* A channel_discard for what belongs to no entry: half an order, or copies that were on their way. The context is the keeper. */
void child_drop_fd(void *context, os_fd fd);

#endif
