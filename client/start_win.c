/* start_win.c: starting the user's broker on Windows.
 *
 * Two brokers cannot listen on one pipe: the second one ends, and the client connects to the first. So no lock is needed.
 * The broker is ready when the pipe accepts a connection. */
#include "start.h"

#include "portd.h"

#include "proto/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { RETRY_US = 10 * 1000, COMMAND_MAX = 2048 };

const char *start_variable(const char *name) {
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

void start_pause(int64_t us) { Sleep((DWORD)(us / 1000)); }

void start_reason(const char *address, int error, char *text, size_t size) {
    (void)address;
    if (error == -ENOENT || error == -ECONNREFUSED)
        snprintf(text, size, "nobody listens");
    else if (error == -EAGAIN)
        snprintf(text, size, "its listen queue is full");
    else if (error == -EACCES)
        snprintf(text, size, "permission denied");
    else
        snprintf(text, size, "%s", strerror(-error));
}

static int broker_run(const char *address, const char *daemon) {
    char command[COMMAND_MAX];
    STARTUPINFOA how = {.cb = sizeof(how)};
    PROCESS_INFORMATION process;

    if (snprintf(command, sizeof(command), "\"%s\" --listen %s --idle-exit 60s", daemon, address) >=
        COMMAND_MAX)
        return -ENAMETOOLONG;
    if (!CreateProcessA(daemon, command, NULL, NULL, FALSE, DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP, NULL,
                        NULL, &how, &process))
        return -ENOENT;
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    return 0;
}

int start_broker(const char *address, const char *daemon, int64_t deadline, struct transport *connection,
                 char *why, size_t why_size) {
    int r = broker_run(address, daemon);

    if (r < 0) {
        snprintf(why, why_size, "cannot run %s", daemon);
        return r;
    }
    while (transport_connect(address, connection) < 0) {
        if (os_now_us() >= deadline) {
            snprintf(why, why_size, "%s did not become ready", daemon);
            return -ETIMEDOUT;
        }
        start_pause(RETRY_US);
    }
    return 0;
}
