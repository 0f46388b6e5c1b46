/* streams_waiting.c: standard output and error as custom streams that write with poll and write.
 *
 * A process that shares a pipe or a terminal with portctl may have made it non-blocking; stdio then fails when it is full, and
 * drops its buffer. portctl must not change the status flags.
 *
 * With a time limit they write only when there is room (poll). A write can wait in spite of that, for another program or more room: a timer's
 * signal interrupts it then (stop.h). Needs assignable stdout and stderr; else streams_plain.c. */
#define _GNU_SOURCE
#include "native.h"
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { ERROR_GRACE_US = 1000 * 1000 };

static int64_t limit = PORTD_FOREVER;
static bool late[STDERR_FILENO + 1];
static int output_error; /* stdio keeps that a write has failed, and not why */

static int64_t limit_of(int number) {
    return number == STDOUT_FILENO || limit > PORTD_FOREVER - ERROR_GRACE_US ? limit : limit + ERROR_GRACE_US;
}

/* Whether there is room within the limit. Interrupted: true. */
static bool await_room(int number) {
    struct pollfd room = {number, POLLOUT, 0};

    late[number] = late[number] || poll(&room, 1, native_time_left(limit_of(number))) == 0;
    return !late[number];
}

/* Writes everything; or returns how much, with errno, which is a failure for stdio. An answer does not wait once a signal is to end portctl. */
static size_t write_most(int number, const char *bytes, size_t size) {
    bool waits = limit_of(number) != PORTD_FOREVER;
    size_t done = 0;

    while (done < size) {
        ssize_t n;

        if (waits && !await_room(number)) {
            errno = ETIMEDOUT;
            return done;
        }
        n = write(number, bytes + done, size - done);
        if (n >= 0)
            done += (size_t)n;
        else if (number == STDOUT_FILENO && stop_asked() != 0)
            return done;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            waits = true;
        else if (errno != EINTR)
            return done;
    }
    return done;
}

static ssize_t write_all(void *cookie, const char *bytes, size_t size) {
    int number = (int)(intptr_t)cookie;
    size_t done;

    stop_timer_start(limit_of(number));
    done = write_most(number, bytes, size);
    if (done < size && number == STDOUT_FILENO && output_error == 0)
        output_error = errno;
    stop_timer_end();
    return done == size ? (ssize_t)size : 0;
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

void native_limit_streams(int64_t deadline) { limit = deadline; }

bool native_output_late(void) { return late[STDOUT_FILENO]; }

int native_output_error(void) { return output_error; }
