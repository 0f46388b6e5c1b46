/* signal_pipe_unix.c: a handler may do little more than write, so it writes the signal's number into a pipe.
 *
 * A full pipe loses signals, but then there are thousands to be read already. */
#define _GNU_SOURCE

#include "signal_pipe.h"

#include <errno.h>
#include <fcntl.h>
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
    struct sigaction before[NUMBERS];
} signals;

int signal_pipe_open(os_fd *readable) {
    if (signals.open)
        return -EBUSY;
    if (pipe2(signals.ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    signals.open = true;
    *readable = signals.ends[0];
    return 0;
}

static void on_signal(int number) {
    int error = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t written = write(signals.ends[1], &byte, 1);

    (void)written;
    errno = error;
}

int signal_pipe_catch(int number) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (number <= 0 || number >= NUMBERS || !signals.open)
        return -EINVAL;
    (void)sigfillset(&action.sa_mask);
    if (signals.caught[number])
        return 0;
    if (sigaction(number, &action, &signals.before[number]) < 0)
        return -errno;
    signals.caught[number] = true;
    return 0;
}

int signal_pipe_next(void) {
    unsigned char byte;

    return signals.open && read(signals.ends[0], &byte, 1) == 1 ? byte : 0;
}

void signal_pipe_close(void) {
    for (int number = 1; number < NUMBERS; number++)
        if (signals.caught[number])
            (void)sigaction(number, &signals.before[number], NULL);
    if (signals.open) {
        os_close(signals.ends[0]);
        os_close(signals.ends[1]);
    }
    memset(&signals, 0, sizeof(signals));
}
