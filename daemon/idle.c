/* idle.c: two states of being idle.
 *
 * Empty: no connections, no session has an object, and none was made for later use. Quiet: there are connections, but for the time of the limit there was no
 * request and no reply, and all connections are abandoned (session/abandoned.h). That check can take long; it runs only when no
 * client could be delayed by it.
 *
 * Somebody who waits to be accepted defers the exit a little. Only who is admitted starts the time of the limit again: others may be turned away. A door
 * that cannot be closed is tried again after the time of the limit. */
#include "idle.h"

#include "base/log.h"
#include "base/metrics.h"
#include "door.h"
#include "proto/container.h"
#include "session/abandoned.h"
#include "session/session.h"

#include <errno.h>

enum {
    AGAIN_LEAST_US = 1000000, /* even if the limit is shorter: what is tried again costs time */
    ADMIT_US = 20000          /* until who waits has been admitted or turned away */
};

static uint64_t heard(const struct idle *idle) {
    return metrics_values[METRIC_REQUESTS_DONE] + metrics_values[METRIC_REQUESTS_REFUSED] +
           idle->sessions->serial;
}

static void set(struct idle *idle, struct loop_timer *timer, int64_t after_us) {
    if (loop_timer_set(idle->loop, timer, os_now_us() + after_us))
        log_write(LOG_LEVEL_WARNING, "out of memory: idle-exit is disabled");
}

static int64_t again_us(const struct idle *idle) {
    return idle->limit_us > AGAIN_LEAST_US ? idle->limit_us : AGAIN_LEAST_US;
}

static void wait_for_empty(struct idle *idle) {
    idle->heard = heard(idle);
    set(idle, &idle->empty, idle->limit_us);
}

static void wait_for_quiet(struct idle *idle) {
    idle->heard = heard(idle);
    set(idle, &idle->quiet, again_us(idle));
}

static void leave(struct idle *idle, struct loop_timer *timer, const char *why) {
    int error = door_leave(idle->door);
    if (error) {
        set(idle, timer, error == -EAGAIN ? ADMIT_US : again_us(idle));
        return;
    }
    log_write(LOG_LEVEL_INFO, "stopping because idle; %s", why);
    loop_stop(idle->loop);
}

static void on_empty(struct loop_timer *timer) {
    struct idle *idle = CONTAINER_OF(timer, struct idle, empty);
    if (!sessions_idle(idle->sessions))
        idle_after(idle);
    else if (idle->heard != heard(idle))
        wait_for_empty(idle);
    else
        leave(idle, timer, "no connections and nothing held");
}

static void on_quiet(struct loop_timer *timer) {
    struct idle *idle = CONTAINER_OF(timer, struct idle, quiet);
    bool quiet = idle->heard == heard(idle), unfinished = false;
    bool abandoned = quiet && sessions_abandoned(idle->sessions, &unfinished);
    if (abandoned)
        leave(idle, timer, "the only open connections are in the queues of held descriptors");
    else if (unfinished)
        set(idle, timer, AGAIN_LEAST_US);
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

void idle_set_limit(struct idle *idle, int64_t limit_us) {
    if (idle->limit_us == limit_us)
        return;
    loop_timer_clear(&idle->empty);
    loop_timer_clear(&idle->quiet);
    idle->limit_us = limit_us;
    idle->set = false;
    if (limit_us)
        wait_for_quiet(idle); /* idle_after comes next */
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
