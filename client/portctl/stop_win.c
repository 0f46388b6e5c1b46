/* stop_win.c: Ctrl-C, Ctrl-Break and the end of the console.
 *
 * The system calls the handler in a thread of its own and interrupts nothing. So whatever waits in portctl waits for an event as well, and the
 * client's blocking call is blocking. Nothing waits beyond the deadline either, so it needs no timer.
 *
 * When the console is closed or the user leaves, the process is ended as soon as the handler returns: then it does not, and portctl ends by itself, within
 * the seconds that the system allows.
 *
 * The numbers are those of the signals that Unix sends then, so that the exit codes are the same. */
#include "stop.h"

#include "stop_win.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum { HUNG_UP = 1, INTERRUPTED = 2, TERMINATED = 15, OF_SHELLS = 128, TWICE_US = 200 * 1000 };

static atomic_int asked;
static int64_t first; /* when the signal came; the handler's alone, and the system runs one at a time */
static HANDLE event;

static SRWLOCK lock = SRWLOCK_INIT;
static portd_client *
    blocking; /* NULL: none; under the lock, as a client that is blocking must not be disconnected meanwhile */

HANDLE stop_event(void) { return event; }

static void ask(int why) {
    int none = 0;

    if (!atomic_compare_exchange_strong(&asked, &none, why))
        return;
    (void)SetEvent(event);
    AcquireSRWLockExclusive(&lock);
    if (blocking != NULL)
        (void)portd_wakeup(blocking);
    ReleaseSRWLockExclusive(&lock);
}

static int number_of(DWORD type) {
    return type == CTRL_C_EVENT ? INTERRUPTED : type == CTRL_BREAK_EVENT ? TERMINATED : HUNG_UP;
}

static BOOL WINAPI on_control(DWORD type) {
    int number = number_of(type);

    if (asked > 0 && portd_now() >= first + TWICE_US)
        ExitProcess((UINT)(OF_SHELLS + number));
    if (asked <= 0)
        first = portd_now();
    ask(number);
    if (number == HUNG_UP)
        Sleep(INFINITE);
    return TRUE;
}

void stop_begin(int64_t deadline, portd_client *client) {
    (void)deadline;
    event = CreateEventW(NULL, TRUE, FALSE, NULL);
    stop_use_client(client);
    if (event != NULL)
        (void)SetConsoleCtrlHandler(on_control, TRUE);
}

void stop_timer_start(int64_t deadline) { (void)deadline; }

void stop_timer_end(void) {}

static void CALLBACK on_limit(void *context, BOOLEAN fired) {
    (void)context;
    (void)fired;
    ask(STOP_LIMIT);
}

void stop_after(int64_t us) {
    HANDLE timer;

    if (!CreateTimerQueueTimer(&timer, NULL, on_limit, NULL, (DWORD)((us + 999) / 1000), 0,
                               WT_EXECUTEONLYONCE))
        ask(STOP_LIMIT);
}

int stop_asked(void) { return asked; }

void stop_use_client(portd_client *client) {
    AcquireSRWLockExclusive(&lock);
    blocking = client;
    ReleaseSRWLockExclusive(&lock);
}

void stop_leave_client(void) { stop_use_client(NULL); }

void stop_raise(void) {
    int number = asked;

    if (number > 0)
        ExitProcess((UINT)(OF_SHELLS + number));
}
