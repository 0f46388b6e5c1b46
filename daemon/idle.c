/* idle.c: two states of being idle.
 *
 * Empty: no connections, no session has an object, and none was made for later use. Quiet: there are connections, but for the time of the limit there was no
 * request and no reply, and all connections are abandoned (session/abandoned.h). That check can take long; it runs only when no
 * client could be delayed by it.
 *
 * Somebody who waits to be accepted defers the exit a little, the longer the more often. Only who is admitted starts the time of the limit again: others may
 * be turned away. The door may also be one that cannot be closed. */
#include "idle.h"

#include "base/log.h"
#include "base/metrics.h"
#include "door.h"
#include "proto/container.h"
#include "session/abandoned.h"
#include "session/session.h"

enum {
    QUIET_LEAST_US = 1000000, /* even if the limit is shorter: the check costs time */
    AGAIN_US = 20000          /* until who waits has been admitted or turned away */
};

static uint64_t heard(const struct idle *idle) {
    return metrics_values[METRIC_REQUESTS_DONE] + metrics_values[METRIC_REQUESTS_REFUSED] +
           idle->sessions->serial;
}

static void set(struct idle *idle, struct loop_timer *timer, int64_t after_us) {
    if (loop_timer_set(idle->loop, timer, os_now_us() + after_us))
        log_write(LOG_LEVEL_WARNING, "out of memory: --idle-exit is disabled");
}

static int64_t quiet_us(const struct idle *idle) {
    return idle->limit_us > QUIET_LEAST_US ? idle->limit_us : QUIET_LEAST_US;
}

static void wait_for_empty(struct idle *idle) {
    idle->heard = heard(idle);
    idle->again_us = AGAIN_US;
    set(idle, &idle->empty, idle->limit_us);
}

static void wait_for_quiet(struct idle *idle) {
    idle->heard = heard(idle);
    idle->again_us = QUIET_LEAST_US;
    set(idle, &idle->quiet, quiet_us(idle));
}

static void look_again(struct idle *idle, struct loop_timer *timer, int64_t most_us) {
    set(idle, timer, idle->again_us < most_us ? idle->again_us : most_us);
    if (idle->again_us < most_us)
        idle->again_us *= 2;
}

static void stop(struct idle *idle, const char *why) {
    log_write(LOG_LEVEL_INFO, "stopping because idle; %s", why);
    loop_stop(idle->loop);
}

static void on_empty(struct loop_timer *timer) {
    struct idle *idle = CONTAINER_OF(timer, struct idle, empty);
    if (!sessions_idle(idle->sessions)) /* idle_after() will see it */
        return;
    if (idle->heard != heard(idle))
        wait_for_empty(idle);
    else if (door_leave(idle->door))
        stop(idle, "no connections and nothing held");
    else
        look_again(idle, timer, idle->limit_us);
}

static void on_quiet(struct loop_timer *timer) {
    struct idle *idle = CONTAINER_OF(timer, struct idle, quiet);
    bool quiet = idle->heard == heard(idle), unfinished = false;
    bool abandoned = quiet && sessions_abandoned(idle->sessions, &unfinished);
    if (abandoned && door_leave(idle->door))
        stop(idle, "the only open connections are in the queues of held descriptors");
    else if (abandoned || unfinished)
        look_again(idle, timer, quiet_us(idle));
    else
        wait_for_quiet(idle);
}

void idle_init(struct idle *idle, struct loop *loop, struct sessions *sessions, struct door *door,
               int64_t limit_us) {
    *idle = (struct idle){.loop = loop, .sessions = sessions, .door = door, .limit_us = limit_us};
    idle->empty.fn = on_empty;
    idle->quiet.fn = on_quiet;
    if (limit_us)
        wait_for_quiet(idle);
}

void idle_deinit(struct idle *idle) {
    loop_timer_free(&idle->empty);
    loop_timer_free(&idle->quiet);
}

void idle_after(struct idle *idle) {
    bool empty;
    if (!idle->limit_us)
        return;
    empty = sessions_idle(idle->sessions);
    if (empty == idle->set)
        return;
    idle->set = empty;
    if (empty) {
        loop_timer_clear(&idle->quiet);
        wait_for_empty(idle);
    } else {
        loop_timer_clear(&idle->empty);
        wait_for_quiet(idle);
    }
}
