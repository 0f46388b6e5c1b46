/* refusal.h: why a request is not done, as the rooms behind the protocol say it. The codes are those of the wire. */
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
};

struct refusal {
    enum refusal_code code;
    int os_errno;
    const char *field; /* of the request; lasts for ever, or NULL */
    const char *hint;  /* likewise */
    char text[256];
};

/* Of no code and no text. */
static inline void refusal_clear(struct refusal *refusal) {
    refusal->code = REFUSAL_NONE;
    refusal->os_errno = 0;
    refusal->field = refusal->hint = NULL;
    refusal->text[0] = 0;
}

/* Fills it; the text is formatted. Always returns -1, so that a check can end with it. */
int refusal_set(struct refusal *refusal, enum refusal_code code, const char *field, const char *hint,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* There is no memory for it. Always -1. */
int refusal_memory(struct refusal *refusal);

/* A system call of the broker failed: error is a positive errno. Always -1. */
int refusal_system(struct refusal *refusal, int error, const char *what);

#endif
