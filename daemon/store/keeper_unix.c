/* keeper_unix.c: starts brokers, one after another, and reads what each of them writes. */
#define _GNU_SOURCE
#include "keeper.h"

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
#include "spawn.h"
#include "store.h"

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
    SPAWN_OWN = 9 /* descriptors: the channel, the fdstore, and those of a moment */
};

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
    struct channel channel;
    struct loop_watch watch;
    struct loop_timer timer; /* the next broker is started */
    struct loop_timer retry; /* what could not be given back is tried again */
    size_t limit, own; /* of descriptors: what the process may have, and what it has but for what it keeps */
    pid_t pid;         /* 0: there is none */
    bool dead;         /* that has died, but not all that it wrote is read */
    int wait_status;   /* then */
    int64_t started, pause;
    bool served;  /* a broker has */
    bool refused; /* nothing more of this broker is read */
    bool stopping, over;
    int status;
};

static void start(struct keeper *keeper);
static void conclude(struct keeper *keeper);

/* Once it was waited for, its number may be another process's. */
static void signal_broker(const struct keeper *keeper, int number) {
    if (keeper->pid && !keeper->dead)
        (void)kill(keeper->pid, number);
}

static void end(struct keeper *keeper, int status) {
    keeper->over = true;
    keeper->status = status;
    loop_stop(keeper->loop);
}

/* ---- the broker's orders ------------------------------------------------------------------------------------------ */

/* Of what belongs to no entry: half an order, or copies that were on their way. */
static void drop_fd(void *context, os_fd fd) {
    const struct keeper *keeper = context;
    closer_close(keeper->closer, fd, 0, NULL, NULL);
}

/* Whether a frame can bring as many descriptors as it may. Else the broker's orders wait until some of what was forgotten is closed. With nothing to be
 * closed there is room (entries.most), so nothing waits for what only a further order could free. */
static bool has_room(const struct keeper *keeper) {
    size_t closing = closer_pending(keeper->closer);
    return !closing || keeper->own + keeper->entries.n_fds + channel_fds_held(&keeper->channel) + closing +
                               FRAME_FDS_ROOM <=
                           keeper->limit;
}

static int read_orders(struct keeper *keeper) {
    struct channel_frame frame;
    int error = 0, result = channel_fill(&keeper->channel, drop_fd, keeper);
    if (result != 1)
        return result == CHANNEL_E_END ? -EPIPE : result;
    while (!error && (result = channel_next(&keeper->channel, &frame)) == 1)
        error = kept_entries_take(&keeper->entries, &frame);
    if (result == CHANNEL_E_PROTOCOL)
        error = -EPROTO;
    if (channel_rest(&keeper->channel))
        error = -ENOMEM;
    return error ? error : 1;
}

static int set_interest(struct keeper *keeper) {
    unsigned interest = has_room(keeper) ? LOOP_READ : 0;
    if (channel_pending(&keeper->channel))
        interest |= LOOP_WRITE;
    return loop_set(&keeper->watch, interest);
}

static void on_ready(struct keeper *keeper) {
    if (keeper->served || !keeper->entries.ready)
        return;
    keeper->served = true;
    service_ready(keeper->notify_fd, "Waiting for clients");
    keeper->notify_fd = OS_FD_NONE;
}

/* After each round of the loop: what was closed may have been answered. */
static int64_t on_round(void *context) {
    struct keeper *keeper = context;
    if (keeper->dead)
        conclude(keeper);
    else if (keeper->watch.loop && (keeper->entries.broken || set_interest(keeper)))
        signal_broker(keeper, SIGKILL);
    return INT64_MAX;
}

static int give(struct keeper *keeper) {
    int error = kept_entries_give(&keeper->entries);
    return error == -EAGAIN ? loop_timer_set(keeper->loop, &keeper->retry, os_now_us() + RETRY_US) : error;
}

static void on_retry(struct loop_timer *timer) {
    struct keeper *keeper = CONTAINER_OF(timer, struct keeper, retry);
    if (keeper->pid && give(keeper))
        signal_broker(keeper, SIGKILL);
}

/* A broker that writes nonsense or reads nothing more is of no use: it is ended, and on_child starts the next one. */
static void on_broker(struct loop_watch *watch, unsigned events) {
    struct keeper *keeper = CONTAINER_OF(watch, struct keeper, watch);
    int error = 0;
    if (events & LOOP_WRITE)
        error = channel_flush(&keeper->channel);
    if (!error && events & LOOP_READ)
        error = read_orders(keeper);
    if (error >= 0)
        error = give(keeper);
    on_ready(keeper);
    if (error >= 0)
        return;
    loop_unwatch(&keeper->watch);
    keeper->refused = true;
    if (error == -EPIPE || error == -ECONNRESET)
        return; /* it has died, or is about to: its exit tells */
    log_write(LOG_LEVEL_ERROR, "the broker is ended: its orders cannot be carried out: %s; pid=%ld",
              os_error_text(-error), (long)keeper->pid);
    signal_broker(keeper, SIGKILL);
}

/* ---- the end of a broker ------------------------------------------------------------------------------------------ */

/* What it wrote before it died counts. False: the rest is read when more is closed. */
static bool leave_broker(struct keeper *keeper) {
    int result = 1;
    loop_unwatch(&keeper->watch);
    loop_timer_clear(&keeper->retry);
    while (!keeper->refused && result == 1) {
        if (!has_room(keeper))
            return false;
        result = read_orders(keeper);
    }
    on_ready(keeper);
    kept_entries_attach(&keeper->entries, NULL);
    channel_deinit(&keeper->channel, drop_fd, keeper);
    transport_close(keeper->channel.transport);
    keeper->pid = 0;
    keeper->dead = false;
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
    int status = keeper->wait_status;
    pid_t pid = keeper->pid;
    if (!leave_broker(keeper))
        return; /* on_round */
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
    if (!keeper->pid || keeper->dead || waitpid(keeper->pid, &keeper->wait_status, WNOHANG) != keeper->pid)
        return;
    keeper->dead = true;
    conclude(keeper);
}

/* ---- the start of a broker ---------------------------------------------------------------------------------------- */

/* A broker with one end of a new channel. 0 or a negative errno. */
static int start_one(struct keeper *keeper) {
    os_fd ends[2], listener;
    int error = spawn_pair(ends);
    if (error)
        return error;
    keeper->refused = false;
    keeper->watch = (struct loop_watch){.fd = ends[0], .fn = on_broker};
    error = loop_watch(keeper->loop, &keeper->watch, LOOP_READ);
    listener = error ? OS_FD_NONE : fcntl(keeper->door->listener, F_DUPFD_CLOEXEC, SPAWN_FIRST_FREE);
    if (!error && listener == OS_FD_NONE)
        error = -errno;
    if (!error)
        error = spawn_broker(keeper->program, keeper->argv, ends[1], listener, &keeper->pid);
    if (listener != OS_FD_NONE)
        os_close(listener);
    os_close(ends[1]);
    if (error) {
        loop_unwatch(&keeper->watch);
        os_close(ends[0]);
        return error;
    }
    channel_init(&keeper->channel, (struct transport){ends[0]}, &keeper->scratch, FRAME_LONG_MAX);
    keeper->channel.discard = drop_fd;
    keeper->channel.discard_context = keeper;
    kept_entries_attach(&keeper->entries, &keeper->channel);
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
    if (keeper->pid)
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
    if (keeper.loop)
        loop_free(keeper.loop);
    return keeper.status;
}
