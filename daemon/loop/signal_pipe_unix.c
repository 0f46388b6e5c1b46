/* signal_pipe_unix.c: the handler writes the signal's number to a pipe.
 *
 * The handler leaves the signal blocked in its thread until the number is read. So during a flood the handler runs once per number read: the
 * other signals are pending in the kernel, as one, and the pipe never fills. */
#define _GNU_SOURCE

#include "signal_pipe.h"

#include "interrupted.h"
#include "proto/calls.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { NUMBERS = 65 };

static struct {
    int ends[2];
    bool open;
    bool caught[NUMBERS];
    volatile sig_atomic_t noted[NUMBERS]; /* in the pipe */
    struct sigaction before[NUMBERS];
} signals;

int signal_pipe_open(os_fd *readable) {
    if (signals.open)
        return -EBUSY;
    if (calls_pipe(signals.ends, false) < 0)
        return -errno;
    signals.open = true;
    *readable = signals.ends[0];
    return 0;
}

static void unblock(int number) {
    sigset_t one;

    (void)sigemptyset(&one);
    (void)sigaddset(&one, number);
    (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

static void on_signal(int number, siginfo_t *info, void *context) {
    int error = errno;
    unsigned char byte = (unsigned char)number;

    (void)info;
    interrupted_block(context, number);
    if (!signals.noted[number]) {
        signals.noted[number] = 1;
        while (write(signals.ends[1], &byte, 1) < 0 && errno == EINTR)
            ;
    }
    errno = error;
}

int signal_pipe_catch(int number) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_SIGINFO};

    if (number <= 0 || number >= NUMBERS || !signals.open)
        return -EINVAL;
    (void)sigfillset(&action.sa_mask);
    if (signals.caught[number])
        return 0;
    if (sigaction(number, &action, &signals.before[number]) < 0)
        return -errno;
    signals.caught[number] = true;
    unblock(number); /* the parent process may have left it blocked */
    return 0;
}

int signal_pipe_next(void) {
    unsigned char byte;

    if (!signals.open || read(signals.ends[0], &byte, 1) != 1)
        return 0;
    signals.noted[byte] = 0;
    unblock(byte);
    return byte;
}

/* Unless the action was changed since. */
static void restore_action(int number) {
    struct sigaction now;

    if (sigaction(number, NULL, &now) == 0 && now.sa_sigaction == on_signal)
        (void)sigaction(number, &signals.before[number], NULL);
}

void signal_pipe_close(void) {
    for (int number = 1; number < NUMBERS; number++)
        if (signals.caught[number])
            restore_action(number);
    for (int number = 1; number < NUMBERS; number++)
        if (signals.caught[number] && signals.noted[number])
            unblock(number);
    if (signals.open) {
        os_close(signals.ends[0]);
        os_close(signals.ends[1]);
    }
    memset(&signals, 0, sizeof(signals));
}
