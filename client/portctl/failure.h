/* failure.h: exit codes and error messages. Each function prints an error and returns the exit code. */
#ifndef FAILURE_H
#define FAILURE_H

#include "client/portd.h"

struct column;
struct output;

enum exit_code {
    PORTCTL_DONE = 0,
    PORTCTL_NO = 1,          /* the answer is "no" or "none" */
    PORTCTL_USAGE = 2,       /* invalid command line, or a request that the broker refuses as invalid */
    PORTCTL_UNREACHABLE = 3, /* no broker, or the connection to it was lost */
    PORTCTL_DENIED = 4,
    PORTCTL_NOT_FOUND = 5,
    PORTCTL_LIMIT = 6,
    PORTCTL_VERSION = 7,
    PORTCTL_UNSUPPORTED = 8,
    PORTCTL_ENDED = 9, /* a target of a wait has ended and cannot be used */
    PORTCTL_TIMEOUT = 124,
    PORTCTL_FAILED = 125,     /* a failed system call, output that cannot be written, a malformed reply */
    PORTCTL_CANNOT_RUN = 126, /* the program of exec or call exists and cannot be run */
    PORTCTL_NO_PROGRAM = 127
};

/* The name of a PORTD_E_* code in JSON: "not_found". */
void failure_name(int code, char *name, size_t size);

/* An invalid command line. hint NULL: the hint names the help. */
int failure_usage(const struct output *output, const char *hint, const char *format, ...);

/* 0, or the usage error if --columns names anything but these columns. NULL: the verb has none. */
int failure_columns(const struct output *output, const struct column *columns);

/* A failure other than of a call. `name` is its code in JSON. */
int failure_own(const struct output *output, const char *name, int exit_code, const char *hint,
                const char *format, ...);

/* A call of the library failed with `code`; text and hint are those of the client's last failure. */
int failure_call(const struct output *output, const portd_client *client, int code);

/* The same with a text and a hint (or NULL) of our own. */
int failure_code(const struct output *output, int code, const char *hint, const char *format, ...);

/* Flushes and closes standard output. 0 if everything has been written. */
int failure_finish(const struct output *output);

#endif
