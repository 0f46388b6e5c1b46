/* spawn_unix.c: a copy of this program, which finds its two descriptors by their numbers. */
#define _GNU_SOURCE
#include "spawn.h"

#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern char **environ;

/* The keeper speaks with the service manager. */
static bool is_ours(const char *entry) {
    static const char keeper[] = KEEPER_VARIABLE "=", manager[] = "NOTIFY_SOCKET=";
    return strncmp(entry, keeper, sizeof keeper - 1) == 0 || strncmp(entry, manager, sizeof manager - 1) == 0;
}

/* The environment of a broker: with the keeper's process id. NULL: no memory. */
static char **environment_new(char variable[48], bool has_link) {
    size_t n = 0, at = 0;
    while (environ[n])
        n++;
    char **made = calloc(n + 2, sizeof *made);
    if (!made)
        return NULL;
    (void)snprintf(variable, 48, KEEPER_VARIABLE "=%ld%s", (long)getpid(), has_link ? KEEPER_HAS_LINK : "");
    for (size_t i = 0; i < n; i++)
        if (!is_ours(environ[i]))
            made[at++] = environ[i];
    made[at] = variable;
    return made;
}

static int plan(posix_spawn_file_actions_t *actions, const struct spawn_fds *fds) {
    int error = posix_spawn_file_actions_adddup2(actions, fds->channel, KEEPER_CHANNEL);
    if (!error)
        error = posix_spawn_file_actions_adddup2(actions, fds->listener, KEEPER_LISTENER);
    if (!error && fds->link != OS_FD_NONE)
        error = posix_spawn_file_actions_adddup2(actions, fds->link, KEEPER_LINK);
    return error;
}

int spawn_broker(const char *program, char **argv, const struct spawn_fds *fds, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    char variable[48], **environment = environment_new(variable, fds->link != OS_FD_NONE);
    int error = environment ? posix_spawn_file_actions_init(&actions) : ENOMEM;
    *pid = 0;
    if (error) {
        free(environment);
        return -error;
    }
    error = plan(&actions, fds);
    if (!error)
        error = posix_spawn(pid, program, &actions, NULL, argv, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    free(environment);
    if (error)
        *pid = 0;
    return -error;
}

int spawn_pair(os_fd ends[2]) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
        return -errno;
    for (int i = 0; i < 2; i++) {
        os_fd high = fcntl(ends[i], F_DUPFD_CLOEXEC, SPAWN_FIRST_FREE);
        int error = high < 0 ? errno : 0;
        os_close(ends[i]);
        ends[i] = high;
        if (!error && fcntl(high, F_SETFL, O_NONBLOCK))
            error = errno;
        if (!error)
            continue;
        os_close(ends[0]);
        if (i == 0 || high >= 0)
            os_close(ends[1]);
        return -error;
    }
    return 0;
}
