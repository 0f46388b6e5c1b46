/* successor.c: a broker that takes over from another one. The first keeps the keeper until the second asks what is kept: then the first has no order that is
 * not answered. It waits, and is ended when the second serves clients, or goes on if the second ends. */
#define _GNU_SOURCE
#include "successor.h"

#include "daemon/base/log.h"
#include "keeper_state.h"
#include "proto/container.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static void on_next(struct loop_watch *watch, unsigned events);

static struct child *unused(struct keeper *keeper) {
    return &keeper->brokers[keeper->broker == &keeper->brokers[0]];
}

void successor_start(struct keeper *keeper) {
    os_fd link = keeper->entries.link;
    struct child *next = unused(keeper);
    int error = keeper->stopping ? -EBUSY : 0;
    if (keeper->other || next->pid)
        return; /* successor_other_died */
    keeper->entries.link = OS_FD_NONE;
    if (!error)
        error = child_start(next, link, on_next);
    os_close(link); /* its broker sees when the other one has ended */
    if (!error)
        keeper->other = next;
    kept_entries_answer(&keeper->entries, error);
}

/* It has something to say, or has died. */
static void on_next(struct loop_watch *watch, unsigned events) {
    struct child *next = CONTAINER_OF(watch, struct child, watch);
    struct keeper *keeper = next->keeper;
    if (transport_is_empty(next->channel.transport)) {
        loop_unwatch(watch); /* its exit tells */
        return;
    }
    (void)loop_set(&keeper->broker->watch, 0);
    watchdog_left(&keeper->watchdog);
    keeper->other = keeper->broker;
    keeper->broker = next;
    kept_entries_attach(&keeper->entries, &next->channel);
    watchdog_started(&keeper->watchdog);
    watch->fn = keeper->heard;
    keeper->heard(watch, events);
}

/* It has told the next one to go on, and does nothing any more. */
void successor_serves(struct keeper *keeper) {
    if (!keeper->other)
        return;
    child_signal(keeper->other, SIGKILL);
    log_write(LOG_LEVEL_INFO, "another broker has taken over; pid=%ld before=%ld", (long)keeper->broker->pid,
              (long)keeper->other->pid);
}

void successor_give_up(struct keeper *keeper) {
    if (!keeper->other)
        return;
    loop_unwatch(&keeper->other->watch);
    child_signal(keeper->other, SIGKILL);
}

void successor_other_died(struct keeper *keeper) {
    const struct child *other = keeper->other;
    int status = other->wait_status;
    if (other->watch.fn == on_next) /* it has not asked what is kept */
        log_write(LOG_LEVEL_ERROR, "a broker that was to take over has ended; pid=%ld signal=%d status=%d",
                  (long)other->pid, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                  WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    child_drop(keeper->other);
    keeper->other = NULL;
    if (keeper->entries.link != OS_FD_NONE)
        successor_start(keeper);
}

bool successor_go_back(struct keeper *keeper) {
    struct child *before = keeper->other;
    if (!before || keeper->entries.ready)
        return false;
    log_write(LOG_LEVEL_ERROR, "the next broker has died before it served clients; pid=%ld goes on",
              (long)before->pid);
    child_drop(keeper->broker);
    keeper->broker = before;
    keeper->other = NULL;
    kept_entries_attach(&keeper->entries, &before->channel);
    keeper->entries.ready = true;
    watchdog_left(&keeper->watchdog);
    watchdog_started(&keeper->watchdog);
    watchdog_ready(&keeper->watchdog);
    return true; /* on_round watches it again */
}
