/* keeper_unix.c: starts brokers, one after another, and reads what each of them writes. */
#define _GNU_SOURCE
#include "keeper.h"

#include "keeper_state.h"

#include "daemon/base/log.h"
#include "daemon/door.h"
#include "daemon/loop/closer.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/offload.h"
#include "daemon/service.h"
#include "fdstore.h"
#include "kept_entries.h"
#include "program.h"
#include "proto/channel.h"
#include "proto/container.h"
#include "store.h"
#include "successor.h"
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SHORT_LIFE_US = 1000000,
    PAUSE_US = 100000, /* before the broker that follows one with a short life; twice as long each time, */
    PAUSE_MOST_US = 1000000,
    RETRY_US = 20000,
    SPAWN_OWN = 12 /* descriptors: two channels, the fdstore, and those of a moment */
};

static void start(struct keeper *keeper);
static void conclude(struct keeper *keeper);

static void signal_broker(const struct keeper *keeper, int number) { child_signal(keeper->broker, number); }

static void end(struct keeper *keeper, int status) {
    keeper->over = true;
    keeper->status = status;
    loop_stop(keeper->loop);
}

/* ---- the broker's orders ------------------------------------------------------------------------------------------ */

/* Whether a frame can bring as many descriptors as it may. Else the broker's orders wait until some of what was forgotten is closed. With nothing to be
 * closed there is room (entries.most), so nothing waits for what only a further order could free. */
static bool has_room(const struct keeper *keeper) {
    size_t closing = closer_pending(keeper->closer);
    return !closing || keeper->own + keeper->entries.n_fds + channel_fds_held(&keeper->broker->channel) +
                               closing + FRAME_FDS_ROOM <=
                           keeper->limit;
}

static int read_orders(struct keeper *keeper) {
    struct channel *channel = &keeper->broker->channel;
    struct channel_frame frame;
    int error = 0, result = channel_fill(channel, child_drop_fd, keeper);
    if (result != 1)
        return result == CHANNEL_E_END ? -EPIPE : result;
    while (!error && (result = channel_next(channel, &frame)) == 1)
        error = kept_entries_take(&keeper->entries, &frame);
    if (result == CHANNEL_E_PROTOCOL)
        error = -EPROTO;
    if (channel_rest(channel))
        error = -ENOMEM;
    return error ? error : 1;
}

static int set_interest(struct keeper *keeper) {
    unsigned interest = has_room(keeper) ? LOOP_READ : 0;
    if (channel_pending(&keeper->broker->channel))
        interest |= LOOP_WRITE;
    return loop_set(&keeper->broker->watch, interest);
}

static void tell_reload(struct keeper *keeper, bool begins) {
    if (begins)
        service_reloading();
    else if (keeper->reloads)
        service_reloaded();
    keeper->reloads = begins;
}

/* What the broker has said besides its orders. */
static void heed(struct keeper *keeper, bool was_ready) {
    struct kept_entries *entries = &keeper->entries;
    if (entries->ready && !was_ready) {
        watchdog_ready(&keeper->watchdog);
        successor_serves(keeper);
    }
    if (entries->ready && !keeper->served) {
        keeper->served = true;
        service_ready(keeper->notify_fd, "Waiting for clients");
        keeper->notify_fd = OS_FD_NONE;
    }
    if (entries->alive)
        watchdog_answered(&keeper->watchdog);
    if (entries->reloading)
        tell_reload(keeper, true);
    if (entries->reloaded)
        tell_reload(keeper, false);
    entries->alive = entries->reloading = entries->reloaded = false;
    if (entries->link != OS_FD_NONE)
        successor_start(keeper);
}

static void on_ask(struct watchdog *watchdog) {
    struct keeper *keeper = CONTAINER_OF(watchdog, struct keeper, watchdog);
    if (kept_entries_ask(&keeper->entries))
        signal_broker(keeper, SIGKILL);
}

static void on_silent(struct watchdog *watchdog) {
    struct keeper *keeper = CONTAINER_OF(watchdog, struct keeper, watchdog);
    log_write(LOG_LEVEL_ERROR, "the broker does not answer, and is ended; pid=%ld",
              (long)keeper->broker->pid);
    signal_broker(keeper, SIGKILL);
}

/* After each round of the loop: what was closed may have been answered. */
static int64_t on_round(void *context) {
    struct keeper *keeper = context;
    if (keeper->broker->dead)
        conclude(keeper);
    else if (keeper->broker->watch.loop && (keeper->entries.broken || set_interest(keeper)))
        signal_broker(keeper, SIGKILL);
    return INT64_MAX;
}

static int give(struct keeper *keeper) {
    int error = kept_entries_give(&keeper->entries);
    return error == -EAGAIN ? loop_timer_set(keeper->loop, &keeper->retry, os_now_us() + RETRY_US) : error;
}

static void on_retry(struct loop_timer *timer) {
    struct keeper *keeper = CONTAINER_OF(timer, struct keeper, retry);
    if (keeper->broker->pid && give(keeper))
        signal_broker(keeper, SIGKILL);
}

/* A broker that writes nonsense or reads nothing more is of no use: it is ended, and on_child starts the next one. */
static void on_broker(struct loop_watch *watch, unsigned events) {
    struct child *broker = CONTAINER_OF(watch, struct child, watch);
    struct keeper *keeper = broker->keeper;
    bool was_ready = keeper->entries.ready;
    int error = 0;
    if (events & LOOP_WRITE)
        error = channel_flush(&broker->channel);
    if (!error && events & LOOP_READ)
        error = read_orders(keeper);
    if (error >= 0)
        error = give(keeper);
    heed(keeper, was_ready);
    if (error >= 0)
        return;
    loop_unwatch(watch);
    broker->refused = true;
    if (error == -EPIPE || error == -ECONNRESET)
        return; /* it has died, or is about to: its exit tells */
    log_write(LOG_LEVEL_ERROR, "the broker is ended: its orders cannot be carried out: %s; pid=%ld",
              os_error_text(-error), (long)broker->pid);
    child_signal(broker, SIGKILL);
}

/* ---- the end of a broker ------------------------------------------------------------------------------------------ */

/* What it wrote before it died counts. False: the rest is read when more is closed. */
static bool leave_broker(struct keeper *keeper) {
    int result = 1;
    loop_unwatch(&keeper->broker->watch);
    loop_timer_clear(&keeper->retry);
    while (!keeper->broker->refused && result == 1) {
        if (!has_room(keeper))
            return false;
        result = read_orders(keeper);
    }
    heed(keeper, true);
    tell_reload(keeper, false);
    if (successor_go_back(keeper))
        return true;
    successor_give_up(keeper);
    watchdog_left(&keeper->watchdog);
    kept_entries_attach(&keeper->entries, NULL);
    child_drop(keeper->broker);
    return true;
}

/* Whether a broker that has ended in good order needs no successor: for what is held, or for a client in the queue. */
static bool may_leave(struct keeper *keeper) {
    if (!keeper->stopping && kept_entries_count(&keeper->entries) > 0)
        return false;
    return keeper->stopping || !keeper->door->own || door_leave(keeper->door) != -EAGAIN;
}

static void start_later(struct keeper *keeper) {
    if (os_now_us() - keeper->started >= SHORT_LIFE_US) {
        keeper->pause = 0;
        start(keeper);
        return;
    }
    keeper->pause = keeper->pause ? 2 * keeper->pause : PAUSE_US;
    if (keeper->pause > PAUSE_MOST_US)
        keeper->pause = PAUSE_MOST_US;
    if (loop_timer_set(keeper->loop, &keeper->timer, os_now_us() + keeper->pause))
        start(keeper);
}

static void conclude(struct keeper *keeper) {
    int status = keeper->broker->wait_status;
    pid_t pid = keeper->broker->pid;
    if (!leave_broker(keeper) || keeper->broker->pid)
        return; /* on_round; or one before it goes on */
    bool in_order = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || keeper->stopping || !keeper->served);
    if (in_order && (WEXITSTATUS(status) != 0 || may_leave(keeper))) {
        end(keeper, WEXITSTATUS(status));
        return;
    }
    if (keeper->stopping || !keeper->served) {
        log_write(LOG_LEVEL_ERROR, "the broker has been ended; pid=%ld signal=%d", (long)pid,
                  WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        end(keeper, keeper->stopping ? EXIT_SUCCESS : EXIT_FAILURE);
        return;
    }
    if (!in_order)
        log_write(LOG_LEVEL_ERROR,
                  "the broker has died, and another one starts; pid=%ld signal=%d status=%d kept=%zu",
                  (long)pid, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                  WIFEXITED(status) ? WEXITSTATUS(status) : 0, kept_entries_count(&keeper->entries));
    start_later(keeper);
}

static void on_child(void *context, int number) {
    struct keeper *keeper = context;
    (void)number;
    if (keeper->other && child_wait(keeper->other))
        successor_other_died(keeper);
    if (!keeper->broker->dead && child_wait(keeper->broker))
        conclude(keeper);
}

/* ---- the start of a broker ---------------------------------------------------------------------------------------- */

static int start_one(struct keeper *keeper) {
    int error = child_start(keeper->broker, OS_FD_NONE, on_broker);
    if (error)
        return error;
    kept_entries_attach(&keeper->entries, &keeper->broker->channel);
    watchdog_started(&keeper->watchdog);
    return 0;
}

static void start(struct keeper *keeper) {
    int error = keeper->stopping ? 0 : start_one(keeper);
    if (keeper->stopping) {
        end(keeper, EXIT_SUCCESS);
        return;
    }
    keeper->started = os_now_us();
    if (!error)
        return;
    log_write(LOG_LEVEL_ERROR, "cannot start a broker: %s", os_error_text(-error));
    if (!keeper->served || loop_timer_set(keeper->loop, &keeper->timer, os_now_us() + PAUSE_MOST_US))
        end(keeper, EXIT_FAILURE);
}

static void on_timer(struct loop_timer *timer) { start(CONTAINER_OF(timer, struct keeper, timer)); }

/* ---- the keeper --------------------------------------------------------------------------------------------------- */

static void on_stop(void *context, int number) {
    struct keeper *keeper = context;
    (void)number;
    keeper->stopping = true;
    service_stopping();
    if (keeper->other)
        child_signal(keeper->other, SIGTERM);
    if (keeper->broker->pid)
        signal_broker(keeper, SIGTERM);
    else
        end(keeper, EXIT_SUCCESS);
}

static void on_reload(void *context, int number) {
    const struct keeper *keeper = context;
    if (keeper->entries.ready) /* before that it would end it */
        signal_broker(keeper, number);
}

/* What an earlier keeper had, from the service manager. */
static int load(struct keeper *keeper) {
    struct door *door = keeper->door;
    int error = fdstore_init(&keeper->fdstore, keeper->loop);
    if (error) /* the keeper is of use without it */
        log_write(LOG_LEVEL_WARNING, "cannot reach the service manager at NOTIFY_SOCKET: %s",
                  os_error_text(-error));
    if (!keeper->fdstore.is_there) {
        door_discard_stored(door);
        return 0;
    }
    keeper->entries.fdstore = &keeper->fdstore;
    for (size_t i = 0; i < door->n_stored; i++) {
        error = kept_entries_load(&keeper->entries, door->stored[i].fd, door->stored[i].serial);
        door->stored[i].fd = OS_FD_NONE;
        if (error)
            log_write(LOG_LEVEL_ERROR, "what the service manager has given back is unsound, and is lost: %s",
                      os_error_text(-error));
    }
    if (door->n_stored)
        log_write(LOG_LEVEL_INFO, "the service manager has given back what was held; kept=%zu",
                  kept_entries_count(&keeper->entries));
    door_discard_stored(door);
    return 0;
}

/* Never looked for in PATH, where another program may have the name. */
static const char *find_program(const char *invoked) {
    const char *program = program_of_this();
    if (!program && invoked && strchr(invoked, '/'))
        program = invoked;
    if (!program)
        log_write(LOG_LEVEL_ERROR,
                  "this system does not tell which file a program is: start portd by its path, with a slash");
    return program;
}

static int begin(struct keeper *keeper) {
    size_t limit = service_descriptor_limit();
    int64_t patience = service_watchdog();
    int error;
    keeper->program = find_program(keeper->argv[0]);
    if (!keeper->program)
        return -ENOENT;
    keeper->loop = loop_new();
    keeper->offload = keeper->loop ? offload_new(keeper->loop) : NULL;
    keeper->closer = keeper->offload ? closer_new(keeper->loop, keeper->offload, limit) : NULL;
    if (!keeper->closer)
        return errno ? -errno : -ENOMEM;
    error = kept_entries_init(&keeper->entries, keeper->closer);
    if (!error)
        error = channel_scratch_init(&keeper->scratch);
    size_t open = service_descriptors_open(limit), stored = keeper->door->n_stored;
    keeper->own = (open > stored ? open - stored : 0) + CLOSER_OWN +
                  SPAWN_OWN; /* what was stored is counted as entries */
    if (!error)
        error = load(keeper);
    keeper->timer.fn = on_timer;
    keeper->retry.fn = on_retry;
    if (!error)
        error = loop_timer_prepare(keeper->loop, &keeper->timer);
    if (!error)
        error = loop_timer_prepare(keeper->loop, &keeper->retry);
    keeper->watchdog.ask = on_ask;
    keeper->watchdog.silent = on_silent;
    if (!error)
        error = watchdog_init(&keeper->watchdog, keeper->loop, patience);
    if (!error)
        error = loop_signal(keeper->loop, SIGCHLD, on_child, keeper);
    if (!error)
        error = service_watch(keeper->loop, on_stop, on_reload, keeper);
    loop_round(keeper->loop, on_round, keeper);
    keeper->limit = limit;
    size_t room = 2 * FRAME_FDS_ROOM +
                  STORE_FDS_MAX; /* a frame that comes, one of which a part has come, and an answer */
    keeper->entries.most = limit > keeper->own + room ? limit - keeper->own - room : 0;
    return error;
}

int keeper_run(char **argv, struct door *door, os_fd notify_fd) {
    struct keeper keeper = {.argv = argv, .door = door, .notify_fd = notify_fd, .status = EXIT_FAILURE};
    keeper.broker = &keeper.brokers[0];
    keeper.brokers[0].keeper = keeper.brokers[1].keeper = &keeper;
    keeper.heard = on_broker;
    keeper.fdstore.watch.fd = OS_FD_NONE;
    int error = begin(&keeper);
    if (notify_fd != OS_FD_NONE)
        (void)fcntl(notify_fd, F_SETFD, FD_CLOEXEC); /* else a broker kept it open */
    if (error)
        log_write(LOG_LEVEL_ERROR, "cannot start: %s", os_error_text(-error));
    else
        start(&keeper);
    if (!error && !keeper.over)
        error = loop_run(keeper.loop);
    if (error)
        signal_broker(&keeper, SIGTERM);
    if (keeper.closer)
        closer_stop(keeper.closer);
    (void)offload_free(keeper.offload);
    closer_free(keeper.closer);
    kept_entries_deinit(&keeper.entries);
    fdstore_deinit(&keeper.fdstore);
    channel_scratch_deinit(&keeper.scratch);
    loop_timer_free(&keeper.timer);
    loop_timer_free(&keeper.retry);
    watchdog_deinit(&keeper.watchdog);
    if (keeper.loop)
        loop_free(keeper.loop);
    return keeper.status;
}
