/* pending_linux.c: pending.h by signals that the thread sends to itself and never takes.
 *
 * They are the thread's alone, and end with it. Left out are SIGKILL and SIGSTOP, which no signalfd reports, and those that the C library
 * keeps for itself. SIGCONT, too: the kernel lets it and the other stop signals not be pending together, and a continued broker loses those. */
#define _GNU_SOURCE

#include "pending.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool may_send(int signal, const sigset_t *blocked) {
    return signal != SIGKILL && signal != SIGSTOP && signal != SIGCONT && sigismember(blocked, signal) == 1;
}

void pending_begin_thread(void) {
    pid_t process = getpid(), self = (pid_t)syscall(SYS_gettid);
    sigset_t blocked;

    if (pthread_sigmask(SIG_BLOCK, NULL, &blocked))
        return;
    for (int signal = 1; signal <= SIGRTMAX; signal++)
        if (may_send(signal, &blocked)) /* one that there is no memory for is missing */
            (void)syscall(SYS_tgkill, process, self, signal);
}
