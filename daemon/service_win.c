/* service_win.c: service.h on Windows: the console's events, or the service manager's (scm_win.h). Nothing hands over a listener. */
#include "service.h"

#include "activation.h"
#include "daemon/base/log.h"
#include "daemon/loop/loop.h"
#include "daemon/loop/thread.h"
#include "daemon/object/inspect.h"
#include "registration_win.h"
#include "scm_win.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <shellapi.h>

enum {
    DESCRIPTORS = 1 << 16, /* the system's own limit is 2^24, which nobody wants to fill */
    NOTIFY_MS = 100
};

/* ---- the command line ------------------------------------------------------------------------------------------- */

static char *in_utf8(const wchar_t *text) {
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *copy = size > 0 ? malloc((size_t)size) : NULL;

    if (copy)
        (void)WideCharToMultiByte(CP_UTF8, 0, text, -1, copy, size, NULL, NULL);
    return copy;
}

/* The arguments of this process, which are never freed. NULL without memory. */
static char **arguments(int *argc) {
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), argc);
    char **argv = wide ? calloc((size_t)*argc + 1, sizeof(*argv)) : NULL;

    for (int i = 0; argv && i < *argc; i++) {
        argv[i] = in_utf8(wide[i]);
        if (!argv[i])
            return NULL;
    }
    (void)LocalFree(wide);
    return argv;
}

int service_main(int argc, char **argv, int (*run)(int argc, char **argv)) {
    argv = arguments(&argc);
    if (!argv) {
        (void)fputs("portd: error: out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    if (argc < 2 || strcmp(argv[1], "--service") != 0)
        return run(argc, argv);
    const char *command = argc > 2 ? argv[2] : "";
    /* The options after the command come after the program's name. */
    char **options = argv + (argc > 2 ? 2 : 1);
    int n_options = argc - (argc > 2 ? 2 : 1);

    options[0] = argv[0];
    if (strcmp(command, "run") == 0)
        return scm_win_run(n_options, options, run);
    if (strcmp(command, "install") == 0)
        return registration_win_add(n_options, options);
    if (strcmp(command, "remove") == 0 && n_options == 1)
        return registration_win_remove();
    (void)fputs(
        "portd: --service: install, remove or run, before all other options\nportd: see portd --help\n",
        stderr);
    return 2;
}

int service_begin(void) {
    /* A failure of the system's is answered by a call, not by a window that waits for somebody. */
    (void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    return 0;
}

/* A pipe has no file that would stay. */
int service_hold(void) { return 0; }

/* ---- signals ----------------------------------------------------------------------------------------------------- */

int service_watch(struct loop *loop, void (*stop)(void *context, int number),
                  void (*reload)(void *context, int number), void *context) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGBREAK};
    int error = 0;

    (void)reload; /* no event means it */
    for (size_t i = 0; !error && i < sizeof(numbers) / sizeof(*numbers); i++)
        error = loop_signal(loop, numbers[i], stop, context);
    return error;
}

/* The manager has no state for it. */
void service_reloading(void) {}

void service_reloaded(void) {}

int64_t service_watchdog(void) { return 0; }

void service_alive(void) {}

/* The system ends the process when this returns after an event that cannot be ignored: so it does not return then. */
static BOOL WINAPI ignore(DWORD event) {
    while (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT)
        Sleep(INFINITE);
    return TRUE;
}

void service_stopping(void) {
    scm_win_stopping();
    (void)SetConsoleCtrlHandler(ignore, TRUE);
}

/* ---- readiness ---------------------------------------------------------------------------------------------------- */

static bool is_standard(HANDLE handle) {
    return handle == GetStdHandle(STD_INPUT_HANDLE) || handle == GetStdHandle(STD_OUTPUT_HANDLE) ||
           handle == GetStdHandle(STD_ERROR_HANDLE);
}

/* Standard error may be a copy of it. */
static bool is_error_stream(HANDLE handle) {
    HANDLE error = GetStdHandle(STD_ERROR_HANDLE);

    return handle == error || (GetFileType(error) == FILE_TYPE_PIPE && inspect_same(handle, error));
}

bool service_may_notify(os_fd notify_fd, os_fd listener) {
    const char *why = NULL;
    DWORD flags;

    if (notify_fd == OS_FD_NONE)
        return true;
    if (is_error_stream(notify_fd))
        return false;
    if (is_standard(notify_fd))
        why = "it is a standard stream";
    else if (notify_fd == listener)
        why = "it is the listener";
    else if (!GetHandleInformation(notify_fd, &flags))
        why = "it is not open";
    if (why)
        (void)fprintf(stderr, "portd: --notify-fd: invalid value \"%llu\": %s\n",
                      (unsigned long long)(uintptr_t)notify_fd, why);
    return !why;
}

int service_listener(os_fd *listener, struct service_stored **stored, size_t *n_stored) {
    *stored = NULL;
    *n_stored = 0;
    return listener ? activation_listener(listener) : 0;
}

struct notice {
    struct thread thread;
    HANDLE to, done;
    DWORD error;
};

static void write_notice(void *context) {
    struct notice *notice = context;
    DWORD written;

    if (!WriteFile(notice->to, "\n", 1, &written, NULL))
        notice->error = GetLastError();
    (void)CloseHandle(notice->to);
    (void)SetEvent(notice->done);
}

/* No pipe tells whether it has room. So a thread writes, and is left when the write takes long: its memory and the handle stay then. */
static const char *notify(HANDLE to) {
    static struct notice notice;

    notice = (struct notice){.to = to, .done = CreateEventW(NULL, TRUE, FALSE, NULL)};
    if (!notice.done || thread_start(&notice.thread, write_notice, &notice, false)) {
        os_close(notice.done ? notice.done : OS_FD_NONE);
        os_close(to);
        return "no memory";
    }
    if (WaitForSingleObject(notice.done, NOTIFY_MS) != WAIT_OBJECT_0) {
        thread_leave(&notice.thread);
        return "it is full";
    }
    thread_join(&notice.thread);
    (void)CloseHandle(notice.done);
    return notice.error ? "its other end is closed" : NULL;
}

void service_ready(os_fd notify_fd, const char *status) {
    (void)status; /* the manager shows none */
    scm_win_ready();
    if (notify_fd == OS_FD_NONE)
        return;
    const char *why = notify(notify_fd);
    if (why)
        log_write(LOG_LEVEL_WARNING, "cannot notify handle %llu of readiness: %s",
                  (unsigned long long)(uintptr_t)notify_fd, why);
}

/* ---- handles ------------------------------------------------------------------------------------------------------ */

size_t service_descriptor_limit(void) { return DESCRIPTORS; }

/* Wine's GetProcessHandleCount counts none. At the start no handle has a high value. */
size_t service_descriptors_open(size_t limit) {
    enum { STEP = 4 /* handles are multiples of it */, LOOKED_AT = 4096 };
    size_t open = 0;
    DWORD flags;

    for (uintptr_t i = 1; i < limit && i < LOOKED_AT; i++)
        open += GetHandleInformation((HANDLE)(i * STEP), &flags) != FALSE;
    return open;
}
