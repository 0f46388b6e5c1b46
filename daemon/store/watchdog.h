/* watchdog.h: whether the broker's loop still runs, for its keeper and for the service manager (WatchdogSec=).
 *
 * The broker is asked from time to time. Each answer is passed on to the manager. A broker that does not answer is ended, and so is the next one if it
 * never did; then nobody is any more, and the manager, which hears nothing, does what its unit says. All of that takes less than the manager's patience. */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include "daemon/loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct watchdog {
    struct loop_timer timer;
    struct loop *loop;
    int64_t pause; /* between an answer and the next question, and for the answer. 0: nothing is watched */
    bool asked;    /* or the broker is not ready yet */
    unsigned ended;
    void (*ask)(struct watchdog *watchdog);
    /* The broker is silent: ends it. */
    void (*silent)(struct watchdog *watchdog);
};

/* patience: the manager's; 0: it has none. The functions are set. 0 or -ENOMEM. */
int watchdog_init(struct watchdog *watchdog, struct loop *loop, int64_t patience);
void watchdog_deinit(struct watchdog *watchdog); /* zeros are allowed */

void watchdog_started(struct watchdog *watchdog);  /* a broker is */
void watchdog_ready(struct watchdog *watchdog);    /* it can be asked */
void watchdog_answered(struct watchdog *watchdog); /* it was, and its loop runs */
void watchdog_left(struct watchdog *watchdog);     /* there is none */

#endif
