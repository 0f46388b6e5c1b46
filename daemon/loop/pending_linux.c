/* pending_linux.c: pending.h with signals that the thread sends to itself and never handles.
 *
 * They are pending for the thread only, and end with it. SIGKILL and SIGSTOP are left out, which no signalfd reports, and the signals that the
 * C library reserves. SIGCONT, too: sending it discards pending stop signals and vice versa, and a continued broker loses those. */
#define _GNU_SOURCE

#include "pending.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool may_send(int signal, const sigset_t *blocked) {
    return signal != SIGKILL && signal != SIGSTOP && signal != SIGCONT && sigismember(blocked, signal) == 1;
}

/* Those that are blocked now and in `which`. */
static void send(const sigset_t *which) {
    pid_t process = getpid(), self = (pid_t)syscall(SYS_gettid);
    sigset_t blocked;

    if (pthread_sigmask(SIG_BLOCK, NULL, &blocked))
        return;
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        if (sigismember(which, signal) == 1 &&
            may_send(signal, &blocked)) /* without memory the signal is missing */
            (void)syscall(SYS_tgkill, process, self, signal);
}

void pending_begin_thread(void) {
    sigset_t all;

    (void)sigfillset(&all);
    send(&all);
}

void pending_call(void (*work)(void *context), void *context) {
    static _Thread_local bool begun; /* what was blocked before is pending */
    sigset_t all, before, missing;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    missing = all;
    for (int signal = 1; begun && signal <= SIGRTMAX; signal++)
        if (sigismember(&before, signal) == 1)
            (void)sigdelset(&missing, signal);
    send(&missing);
    begun = true;
    work(context);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}
