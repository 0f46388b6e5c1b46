/* log_output_win.c: log_output.h for Windows.
 *
 * A service has no stderr: its lines are entries of the event log, whose kind is in the priority. Without either they go nowhere. A console gets text
 * in UTF-16, since its code page belongs to all who use it; anything else gets the bytes. */
#include "log_output.h"

#include "log_events_win.h"
#include "log_writer.h"

#include <errno.h>
#include <process.h>
#include <windows.h>

enum { STACK_SIZE = 128 * 1024, PRIORITY = 3 /* "<4>" */ };

static HANDLE events; /* NULL: stderr */
static HANDLE thread;
static void (*thread_runs)(void);
static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE posted = CONDITION_VARIABLE_INIT;
static bool work; /* with the lock: posted and not awaited */

int log_events_win_begin(const char *source) {
    events = RegisterEventSourceA(NULL, source);
    return events ? 0 : GetLastError() == ERROR_ACCESS_DENIED ? -EACCES : -EIO;
}

bool log_output_takes_priorities(void) { return events != NULL; }

static bool write_event(const char *line, size_t length) {
    wchar_t text[LOG_WRITER_LINE + 1];
    const wchar_t *texts[] = {text};
    WORD kind = line[1] == '3'   ? EVENTLOG_ERROR_TYPE
                : line[1] == '4' ? EVENTLOG_WARNING_TYPE
                                 : EVENTLOG_INFORMATION_TYPE;
    int units =
        MultiByteToWideChar(CP_UTF8, 0, line + PRIORITY, (int)length - PRIORITY - 1, text, LOG_WRITER_LINE);

    text[units] = L'\0';
    return ReportEventW(events, kind, 0, 1, NULL, 1, 0, texts, NULL);
}

static bool write_console(HANDLE console, const char *line, size_t length) {
    wchar_t text[LOG_WRITER_LINE];
    DWORD units = (DWORD)MultiByteToWideChar(CP_UTF8, 0, line, (int)length, text, LOG_WRITER_LINE), written;

    for (DWORD at = 0; at < units; at += written)
        if (!WriteConsoleW(console, text + at, units - at, &written, NULL) || !written)
            return false;
    return true;
}

bool log_output_write(const char *line, size_t length) {
    HANDLE to = GetStdHandle(STD_ERROR_HANDLE);
    DWORD mode, written;

    if (events)
        return write_event(line, length);
    if (!to || to == INVALID_HANDLE_VALUE)
        return true;
    if (GetConsoleMode(to, &mode))
        return write_console(to, line, length);
    for (size_t at = 0; at < length; at += written) {
        if (!WriteFile(to, line + at, (DWORD)(length - at), &written, NULL))
            return false;
        if (!written) /* another process has made the pipe non-blocking, and it is full */
            log_output_pause();
    }
    return true;
}

/* A pipe does not tell. */
bool log_output_has_room(void) {
    return events || GetFileType(GetStdHandle(STD_ERROR_HANDLE)) != FILE_TYPE_PIPE;
}

static unsigned __stdcall run(void *unused) {
    (void)unused;
    thread_runs();
    return 0;
}

bool log_output_start(void (*run_this)(void)) {
    thread_runs = run_this;
    thread = (HANDLE)_beginthreadex(NULL, STACK_SIZE, run, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    return thread != NULL;
}

void log_output_join(void) {
    (void)WaitForSingleObject(thread, INFINITE);
    log_output_leave();
}

void log_output_leave(void) {
    (void)CloseHandle(thread);
    thread = NULL;
}

void log_output_post(void) {
    AcquireSRWLockExclusive(&lock);
    work = true;
    WakeConditionVariable(&posted);
    ReleaseSRWLockExclusive(&lock);
}

void log_output_await(void) {
    AcquireSRWLockExclusive(&lock);
    while (!work)
        (void)SleepConditionVariableSRW(&posted, &lock, INFINITE, 0);
    work = false;
    ReleaseSRWLockExclusive(&lock);
}

void log_output_pause(void) { Sleep(1); }
