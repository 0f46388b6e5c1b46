/* start_win.c: starting the user's broker on Windows.
 *
 * Two brokers cannot listen at one pipe: the second ends with status 0, and its client connects to the first. So no lock is needed. A
 * broker is ready when its pipe accepts a connection. It inherits no handle, has no console, and its working directory is the system's, so that
 * it holds no directory of anybody's. It leaves the job of its client, if that lets it: else it ends with that job. */
#include "start.h"

#include "installation_win.h"
#include "portd.h"

#include "proto/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>

enum {
    RETRY_MS = 10,
    TRIES = 2, /* to run a broker that ends at once, or finds another one that is just ending */
    UNITS = 1024,
    COMMAND_UNITS = 2 * UNITS + 64
};

/* No program has more rights on Windows than the one that has started it gave it. */
const char *start_variable(const char *name) {
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

void start_pause(int64_t us) { Sleep((DWORD)(us / 1000)); }

void start_reason(const char *address, int error, char *text, size_t size) {
    (void)address;
    switch (-error) {
    case ENOENT:
        snprintf(text, size, "no such pipe");
        break;
    case EAGAIN:
        snprintf(text, size, "its pipe is busy");
        break;
    case EACCES:
        snprintf(text, size, "permission denied: the pipe is for its user alone");
        break;
    case EPERM:
        snprintf(text, size,
                 "whoever made the pipe is neither this user nor the system nor an administrator");
        break;
    case EAFNOSUPPORT:
        snprintf(text, size, "not an address of this system: it has named pipes (npipe:)");
        break;
    default:
        snprintf(text, size, "%s", os_error_text(-error));
    }
}

void start_reason_user(const char *address, int error, char *text, size_t size) {
    if (error == -EPERM)
        snprintf(text, size, "the system does not tell who the user is");
    else
        start_reason(address, error, text, size);
}

/* A path may come from getenv, in the system's code page, or from a program that has it in UTF-8. */
static int widen(const char *text, wchar_t wide[UNITS]) {
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, UNITS) > 0)
        return 0;
    return MultiByteToWideChar(CP_ACP, 0, text, -1, wide, UNITS) > 0 ? 0 : -ENAMETOOLONG;
}

/* 0 and *process, which the caller closes, or a negative errno. */
static int broker_run(const char *address, const char *daemon, HANDLE *process) {
    wchar_t program[UNITS], where[UNITS], folder[MAX_PATH], command[COMMAND_UNITS];
    STARTUPINFOW how = {.cb = sizeof(how)};
    PROCESS_INFORMATION made;
    int r = widen(daemon, program);

    if (r == 0)
        r = widen(address, where);
    if (r == 0 && (wcspbrk(program, L"\"") || wcspbrk(where, L"\"")))
        r = -EINVAL;
    if (r < 0)
        return r;
    if (_snwprintf(command, COMMAND_UNITS, L"\"%ls\" --listen \"%ls\" --idle-exit 60s", program, where) < 0)
        return -ENAMETOOLONG;
    UINT length = GetSystemDirectoryW(folder, MAX_PATH);
    const wchar_t *where_run = length > 0 && length < MAX_PATH ? folder : NULL;
    const DWORD flags = DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP;
    BOOL done = CreateProcessW(program, command, NULL, NULL, FALSE, flags | CREATE_BREAKAWAY_FROM_JOB, NULL,
                               where_run, &how, &made);
    if (!done && GetLastError() == ERROR_ACCESS_DENIED) /* this process's job lets nobody leave */
        done = CreateProcessW(program, command, NULL, NULL, FALSE, flags, NULL, where_run, &how, &made);
    if (!done)
        return GetLastError() == ERROR_ACCESS_DENIED ? -EACCES : -ENOENT;
    (void)CloseHandle(made.hThread);
    *process = made.hProcess;
    return 0;
}

static bool is_late(int64_t deadline) { return os_now_us() >= deadline; }

/* Connects as soon as the broker listens. 0; -ECHILD: it has ended, with *status; -ETIMEDOUT. */
static int broker_reach(const char *address, HANDLE process, int64_t deadline, struct transport *connection,
                        DWORD *status) {
    for (;;) {
        bool ended =
            WaitForSingleObject(process, 0) == WAIT_OBJECT_0; /* asked first: it may have been ready before */
        if (transport_connect_by(address, deadline, connection) == 0)
            return 0;
        if (ended)
            return GetExitCodeProcess(process, status) ? -ECHILD : -EIO;
        if (is_late(deadline))
            return -ETIMEDOUT;
        (void)WaitForSingleObject(process, RETRY_MS);
    }
}

int start_broker(const char *address, const char *daemon, int64_t deadline, struct transport *connection,
                 char *why, size_t why_size) {
    DWORD status = 0;
    int r = -ECHILD;

    if (!installation_is_absolute(daemon)) {
        snprintf(why, why_size, "%s is not an absolute path", daemon);
        return -EINVAL;
    }
    for (int tries = 0; r == -ECHILD && tries < TRIES; tries++) {
        HANDLE process;
        r = broker_run(address, daemon, &process);
        if (r < 0) {
            snprintf(why, why_size, "cannot run %s: %s", daemon, os_error_text(-r));
            return r;
        }
        r = broker_reach(address, process, deadline, connection, &status);
        (void)CloseHandle(process);
    }
    if (r == -ECHILD)
        snprintf(why, why_size, "%s exited before it was ready with status %lu: run it by hand to see why",
                 daemon, status);
    else if (r < 0)
        snprintf(why, why_size, "%s did not become ready: %s", daemon, os_error_text(-r));
    return r;
}
