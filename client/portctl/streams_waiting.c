/* streams_waiting.c: standard output and error as custom streams that write with poll and write.
 *
 * A process that shares a pipe or a terminal with portctl may have made it non-blocking; stdio then fails when it is full, and
 * drops its buffer. portctl must not change the status flags. Needs assignable stdout and stderr; else streams_plain.c. */
#define _GNU_SOURCE
#include "native.h"
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Writes everything; or returns 0 with errno, which is a failure for stdio. An answer does not wait once a signal is to end portctl. */
static ssize_t write_all(void *cookie, const char *bytes, size_t size) {
    int number = (int)(intptr_t)cookie;

    for (size_t done = 0; done < size;) {
        struct pollfd room = {number, POLLOUT, 0};
        ssize_t n = write(number, bytes + done, size - done);

        if (n >= 0)
            done += (size_t)n;
        else if (number == STDOUT_FILENO && stop_asked() != 0)
            return 0;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            (void)poll(&room, 1, -1);
        else if (errno != EINTR)
            return 0;
    }
    return (ssize_t)size;
}

static int close_number(void *cookie) { return close((int)(intptr_t)cookie); }

static FILE *open_stream(int number, int buffering) {
    cookie_io_functions_t functions = {.write = write_all, .close = close_number};
    FILE *stream = fopencookie((void *)(intptr_t)number, "w", functions);

    if (stream != NULL)
        (void)setvbuf(stream, NULL, buffering, BUFSIZ);
    return stream;
}

int native_wait_for_streams(void) {
    FILE *output = open_stream(STDOUT_FILENO, isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF);
    FILE *error = open_stream(STDERR_FILENO, _IONBF);

    if (output == NULL || error == NULL)
        return ENOMEM;
    stdout = output;
    stderr = error;
    return 0;
}
