/* scm_win.c: scm_win.h. The manager's stop becomes a SIGTERM of the loop.
 *
 * The manager calls on_control in the main thread, which is the dispatcher's meanwhile, and serve in a thread of its own. */
#include "scm_win.h"

#include "daemon/base/log_events_win.h"
#include "daemon/loop/signal_win.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

enum { PATIENCE_MS = 30000 }; /* a stop that takes longer is told to have failed */

static struct {
    SRWLOCK lock;                 /* guards state: on_control and the broker's thread tell it */
    SERVICE_STATUS_HANDLE handle; /* NULL: the manager has not started this process */
    DWORD state;
    int argc;
    char **argv;
    int (*run)(int argc, char **argv);
    int status;
} manager = {.lock = SRWLOCK_INIT, .status = EXIT_FAILURE};

/* The lock is held. A process that says STOPPED may be ended at once. */
static void tell(DWORD state) {
    SERVICE_STATUS status = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS, .dwCurrentState = state};

    manager.state = state;
    if (state == SERVICE_RUNNING)
        status.dwControlsAccepted = SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN;
    else if (state != SERVICE_STOPPED)
        status.dwWaitHint = PATIENCE_MS;
    if (state == SERVICE_STOPPED && manager.status) {
        status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
        status.dwServiceSpecificExitCode = (DWORD)manager.status;
    }
    (void)SetServiceStatus(manager.handle, &status); /* a manager that is gone need not be told */
}

static void advance(DWORD from, DWORD to) {
    AcquireSRWLockExclusive(&manager.lock);
    if (manager.handle && (!from || manager.state == from))
        tell(to);
    ReleaseSRWLockExclusive(&manager.lock);
}

void scm_win_ready(void) { advance(SERVICE_START_PENDING, SERVICE_RUNNING); }

void scm_win_stopping(void) { advance(0, SERVICE_STOP_PENDING); }

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context) {
    (void)type;
    (void)data;
    (void)context;
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
        advance(SERVICE_RUNNING, SERVICE_STOP_PENDING);
        (void)signal_win_send(SIGTERM);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

/* Without a handle nobody can be told, not even that it has failed: the manager sees the process end. */
static void WINAPI serve(DWORD n, wchar_t **names) {
    (void)n;
    (void)names;
    manager.handle = RegisterServiceCtrlHandlerExW(L"" SCM_SERVICE, on_control, NULL);
    if (!manager.handle)
        return;
    advance(0, SERVICE_START_PENDING);
    (void)log_events_win_begin(SCM_SERVICE); /* without an event log it runs, and logs nothing */
    manager.status = manager.run(manager.argc, manager.argv);
    advance(0, SERVICE_STOPPED);
}

int scm_win_run(int argc, char **argv, int (*run)(int argc, char **argv)) {
    static wchar_t name[] = L"" SCM_SERVICE;
    const SERVICE_TABLE_ENTRYW services[] = {{name, serve}, {NULL, NULL}};

    manager.argc = argc;
    manager.argv = argv;
    manager.run = run;
    if (StartServiceCtrlDispatcherW(services))
        return manager.status;
    if (GetLastError() == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
        return run(argc, argv);
    (void)fprintf(stderr, "portd: error: cannot reach the service manager: %lu\n", GetLastError());
    return EXIT_FAILURE;
}
