/* keeper_state.h: the keeper's state, for keeper_unix.c, child.c and successor.c. */
#ifndef KEEPER_STATE_H
#define KEEPER_STATE_H

#include "child.h"
#include "daemon/loop/loop.h"
#include "fdstore.h"
#include "kept_entries.h"
#include "proto/channel.h"
#include "watchdog.h"

#include <stdbool.h>
#include <sys/types.h>

struct door;

struct keeper {
    char **argv;
    const char *program; /* a path: told once, as another file may be there later */
    struct door *door;
    os_fd notify_fd;
    struct loop *loop;
    struct offload *offload;
    struct closer *closer;
    struct kept_entries entries;
    struct fdstore fdstore;
    struct channel_scratch scratch;
    struct child brokers[2];
    struct child *broker; /* the one whose orders are carried out */
    struct child *other;  /* the one that is to follow it, or that it follows, and has not gone; NULL: none */
    void (*heard)(struct loop_watch *watch, unsigned events); /* reads the orders of `broker` */
    struct loop_timer timer;                                  /* the next broker is started */
    struct loop_timer retry; /* what could not be given back is tried again */
    struct watchdog watchdog;
    size_t limit, own; /* of descriptors: what the process may have, and what it has but for what it keeps */
    int64_t started, pause;
    bool served;  /* a broker has */
    bool reloads; /* the service manager has been told so */
    bool stopping, over;
    int status;
};

#endif
