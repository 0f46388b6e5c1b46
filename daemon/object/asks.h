/* asks.h: all questions to sentries (ask.h), and the patience with them. */
#ifndef ASKS_H
#define ASKS_H

#include "daemon/loop/loop.h"

struct ask;
struct registry;

struct asks {
    struct loop_timer timer;
    struct ask *list; /* those that somebody waits for, oldest first */
};

/* 0 or -ENOMEM. */
int asks_init(struct registry *registry);
void asks_deinit(struct registry *registry);

#endif
