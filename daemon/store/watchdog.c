/* watchdog.c: one timer, for the next question or the end of the patience with a broker. */
#include "watchdog.h"

#include "daemon/base/log.h"
#include "daemon/service.h"
#include "proto/container.h"

enum {
    PARTS = 4, /* an answer, two brokers that are silent, and a rest */
    ENDED_MOST = 2
};

static void wait(struct watchdog *watchdog) {
    (void)loop_timer_set(watchdog->loop, &watchdog->timer,
                         os_now_us() + watchdog->pause); /* it has its memory */
}

static void ask(struct watchdog *watchdog) {
    watchdog->asked = true;
    wait(watchdog);
    watchdog->ask(watchdog);
}

static void on_timer(struct loop_timer *timer) {
    struct watchdog *watchdog = CONTAINER_OF(timer, struct watchdog, timer);
    if (!watchdog->asked) {
        ask(watchdog);
    } else if (watchdog->ended < ENDED_MOST) {
        watchdog->ended++;
        watchdog->silent(watchdog);
    } else {
        log_write(LOG_LEVEL_ERROR,
                  "several brokers in a row are silent: this one is left to the service manager");
    }
}

int watchdog_init(struct watchdog *watchdog, struct loop *loop, int64_t patience) {
    watchdog->loop = loop;
    watchdog->pause = patience / PARTS;
    watchdog->timer.fn = on_timer;
    return loop_timer_prepare(loop, &watchdog->timer);
}

void watchdog_deinit(struct watchdog *watchdog) { loop_timer_free(&watchdog->timer); }

void watchdog_started(struct watchdog *watchdog) {
    watchdog->asked = true;
    if (watchdog->pause)
        wait(watchdog);
}

void watchdog_ready(struct watchdog *watchdog) {
    if (watchdog->pause)
        ask(watchdog);
}

void watchdog_answered(struct watchdog *watchdog) {
    if (!watchdog->pause)
        return;
    watchdog->asked = false;
    watchdog->ended = 0;
    wait(watchdog);
    service_alive();
}

void watchdog_left(struct watchdog *watchdog) { loop_timer_clear(&watchdog->timer); }
