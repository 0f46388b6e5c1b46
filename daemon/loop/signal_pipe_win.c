/* signal_pipe_win.c: signal_pipe.h with the console's events, each as the C library's number of it.
 *
 * Ctrl-C is SIGINT, Ctrl-Break is SIGBREAK; the console that closes and the system that ends are SIGTERM, and so is the service manager's stop
 * (signal_win.h). The console tells of them in a thread of its own. After the last two the system ends the process as soon as that thread returns,
 * in some seconds otherwise: so it does not return, and the process ends when main does. That a user logs off is told only to services, of any user,
 * and ends none.
 *
 * Whoever starts a process may have told it to ignore Ctrl-C; then the system tells of none. */
#include "signal_pipe.h"

#include "signal_win.h"

#include <errno.h>
#include <signal.h>
#include <windows.h>

enum { NUMBERS = 32 };

static struct {
    SRWLOCK lock;
    HANDLE told; /* set while n is not 0; NULL: not open */
    bool caught[NUMBERS];
    bool noted[NUMBERS]; /* it is among the n */
    int numbers[NUMBERS];
    int n;
} signals = {.lock = SRWLOCK_INIT};

bool signal_win_send(int number) {
    bool caught;

    AcquireSRWLockExclusive(&signals.lock);
    caught = number > 0 && number < NUMBERS && signals.told && signals.caught[number];
    if (caught && !signals.noted[number]) {
        signals.noted[number] = true;
        signals.numbers[signals.n++] = number;
        (void)SetEvent(signals.told);
    }
    ReleaseSRWLockExclusive(&signals.lock);
    return caught;
}

static BOOL WINAPI on_event(DWORD event) {
    switch (event) {
    case CTRL_C_EVENT:
        return signal_win_send(SIGINT);
    case CTRL_BREAK_EVENT:
        return signal_win_send(SIGBREAK);
    case CTRL_LOGOFF_EVENT:
        return FALSE;
    default:
        if (!signal_win_send(SIGTERM))
            return FALSE;
        for (;;)
            Sleep(INFINITE);
    }
}

int signal_pipe_open(os_fd *readable) {
    HANDLE told;

    if (signals.told)
        return -EBUSY;
    told = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!told)
        return -ENOMEM;
    if (!SetConsoleCtrlHandler(on_event, TRUE)) {
        (void)CloseHandle(told);
        return -ENOMEM;
    }
    signals.told = told;
    *readable = told;
    return 0;
}

int signal_pipe_catch(int number) {
    if (!signals.told || (number != SIGINT && number != SIGBREAK && number != SIGTERM))
        return -EINVAL;
    AcquireSRWLockExclusive(&signals.lock);
    signals.caught[number] = true;
    ReleaseSRWLockExclusive(&signals.lock);
    return 0;
}

int signal_pipe_next(void) {
    int number = 0;

    AcquireSRWLockExclusive(&signals.lock);
    if (signals.n) {
        number = signals.numbers[0];
        signals.noted[number] = false;
        signals.n--;
        for (int i = 0; i < signals.n; i++)
            signals.numbers[i] = signals.numbers[i + 1];
        if (!signals.n)
            (void)ResetEvent(signals.told);
    }
    ReleaseSRWLockExclusive(&signals.lock);
    return number;
}

void signal_pipe_close(void) {
    HANDLE told;

    if (!signals.told)
        return;
    (void)SetConsoleCtrlHandler(on_event, FALSE);
    AcquireSRWLockExclusive(&signals.lock);
    told = signals.told;
    signals.told = NULL;
    signals.n = 0;
    for (int number = 0; number < NUMBERS; number++)
        signals.caught[number] = signals.noted[number] = false;
    ReleaseSRWLockExclusive(&signals.lock);
    (void)CloseHandle(told);
}
