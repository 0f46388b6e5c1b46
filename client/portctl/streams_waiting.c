/* streams_waiting.c: standard output and error as streams of our own that write by poll and write.
 *
 * Whoever shares a pipe or a terminal with portctl may have made it non-blocking; stdio takes a full one for a failure then, and forgets what
 * it had. The status flags are not ours to change. Only where stdio's own variables can be set: else streams_plain.c. */
#define _GNU_SOURCE
#include "native.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* All of it, or 0 and errno, which stdio takes for a failure. */
static ssize_t write_all(void *cookie, const char *bytes, size_t size) {
    int number = (int)(intptr_t)cookie;

    for (size_t done = 0; done < size;) {
        struct pollfd room = {number, POLLOUT, 0};
        ssize_t n = write(number, bytes + done, size - done);

        if (n >= 0)
            done += (size_t)n;
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
