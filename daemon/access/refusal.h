/* refusal.h: why a request is refused, for the code below the protocol. The codes are those of the wire. */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <stddef.h>

enum refusal_code {
    REFUSAL_NONE = 0,
    REFUSAL_INVALID = 1,
    REFUSAL_DENIED = 2,
    REFUSAL_NOT_FOUND = 3,
    REFUSAL_LIMIT = 4,
    REFUSAL_VERSION = 5,
    REFUSAL_UNSUPPORTED = 6,
    REFUSAL_CANCELLED = 8,
    REFUSAL_CLOSED = 9,
    REFUSAL_TOO_COMPLEX = 11,
    REFUSAL_MISMATCH = 12,
    REFUSAL_SYSTEM = 13,
    REFUSAL_GARBLED = 14,
    REFUSAL_EXISTS = 15,
};

struct refusal {
    enum refusal_code code;
    int os_errno;
    const char *field; /* of the request; static, or NULL */
    const char *hint;  /* static, or NULL */
    char text[256];
};

static inline void refusal_clear(struct refusal *refusal) {
    refusal->code = REFUSAL_NONE;
    refusal->os_errno = 0;
    refusal->field = refusal->hint = NULL;
    refusal->text[0] = 0;
}

/* Sets the code and the formatted text, with os_errno 0. Always returns -1, so that a check can end with it. */
int refusal_set(struct refusal *refusal, enum refusal_code code, const char *field, const char *hint,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The broker is out of memory. Always -1. */
int refusal_memory(struct refusal *refusal);

/* Why something is refused with *limit* while the broker's control group is full (daemon/base/cgroup.h). */
extern const char refusal_full_group[];

/* A system call of the broker failed; error: a positive errno, what: begins the text. Always -1. */
int refusal_system(struct refusal *refusal, int error, const char *what);

#endif
