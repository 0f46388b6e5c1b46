/* child.c: its start and its end. */
#define _GNU_SOURCE
#include "child.h"

#include "daemon/door.h"
#include "daemon/loop/closer.h"
#include "keeper_state.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

void child_drop_fd(void *context, os_fd fd) {
    const struct keeper *keeper = context;
    closer_close(keeper->closer, fd, 0, NULL, NULL);
}

static int copy_high(os_fd fd, os_fd *copy) {
    *copy = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FIRST_FREE);
    return *copy == OS_FD_NONE ? -errno : 0;
}

int child_start(struct child *child, os_fd link, void (*heard)(struct loop_watch *watch, unsigned events)) {
    struct keeper *keeper = child->keeper;
    os_fd ends[2];
    struct spawn_fds fds = {.listener = OS_FD_NONE, .link = OS_FD_NONE};
    int error = spawn_pair(ends);
    if (error)
        return error;
    fds.channel = ends[1];
    *child = (struct child){.keeper = keeper, .watch = {.fd = ends[0], .fn = heard}};
    error = loop_watch(keeper->loop, &child->watch, LOOP_READ);
    if (!error)
        error = copy_high(keeper->door->listener, &fds.listener);
    if (!error && link != OS_FD_NONE)
        error = copy_high(link, &fds.link);
    if (!error)
        error = spawn_broker(keeper->program, keeper->argv, &fds, &child->pid);
    os_close(fds.listener);
    os_close(fds.link);
    os_close(ends[1]);
    if (error) {
        loop_unwatch(&child->watch);
        os_close(ends[0]);
        return error;
    }
    channel_init(&child->channel, (struct transport){ends[0]}, &keeper->scratch, FRAME_LONG_MAX);
    child->channel.discard = child_drop_fd;
    child->channel.discard_context = keeper;
    return 0;
}

void child_signal(const struct child *child, int number) {
    if (child->pid && !child->dead)
        (void)kill(child->pid, number);
}

bool child_wait(struct child *child) {
    child->dead =
        child->dead || (child->pid && waitpid(child->pid, &child->wait_status, WNOHANG) == child->pid);
    return child->dead;
}

void child_drop(struct child *child) {
    loop_unwatch(&child->watch);
    channel_deinit(&child->channel, child_drop_fd, child->keeper);
    transport_close(child->channel.transport);
    *child = (struct child){.keeper = child->keeper};
}
