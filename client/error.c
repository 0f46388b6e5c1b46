/* error.c: names and texts of codes, causes and kinds, and the record of a client's last failure.
 *
 * Names and texts of the wire's codes (here negated) come from proto/status.h; the table has those of the library alone. */
#include "error.h"

#include "portd.h"

#include "proto/status.h"

#include <errno.h>
#include <string.h>

static const struct {
    int code;
    const char *name;
    const char *text; /* NULL: that of the wire's code */
} codes[] = {
    {PORTD_E_INVALID, "PORTD_E_INVALID", NULL},
    {PORTD_E_DENIED, "PORTD_E_DENIED", NULL},
    {PORTD_E_NOT_FOUND, "PORTD_E_NOT_FOUND", NULL},
    {PORTD_E_LIMIT, "PORTD_E_LIMIT", NULL},
    {PORTD_E_VERSION, "PORTD_E_VERSION", NULL},
    {PORTD_E_UNSUPPORTED, "PORTD_E_UNSUPPORTED", NULL},
    {PORTD_E_TIMEOUT, "PORTD_E_TIMEOUT", NULL},
    {PORTD_E_CANCELLED, "PORTD_E_CANCELLED", NULL},
    {PORTD_E_CLOSED, "PORTD_E_CLOSED", NULL},
    {PORTD_E_UNCERTAIN, "PORTD_E_UNCERTAIN", NULL},
    {PORTD_E_TOO_COMPLEX, "PORTD_E_TOO_COMPLEX", NULL},
    {PORTD_E_MISMATCH, "PORTD_E_MISMATCH", NULL},
    {PORTD_E_SYSTEM, "PORTD_E_SYSTEM", "a system call failed"},
    {PORTD_E_GARBLED, "PORTD_E_GARBLED", NULL},
    {PORTD_E_EXISTS, "PORTD_E_EXISTS", NULL},
    {PORTD_E_UNREACHABLE, "PORTD_E_UNREACHABLE", "no broker answers"},
    {PORTD_E_DISCONNECTED, "PORTD_E_DISCONNECTED", "the connection to the broker is lost"},
    {PORTD_E_MEMORY, "PORTD_E_MEMORY", "out of memory"},
    {PORTD_E_FORKED, "PORTD_E_FORKED", "this client belongs to the parent process"},
    {PORTD_E_INTERRUPTED, "PORTD_E_INTERRUPTED", "woken by portd_wakeup"},
    {PORTD_E_BUSY, "PORTD_E_BUSY", "a blocking call is not possible inside a callback"},
};

enum { CODES = sizeof(codes) / sizeof(codes[0]) };

const char *portd_code_name(int code) {
    for (size_t i = 0; i < CODES; i++)
        if (codes[i].code == code)
            return codes[i].name;
    return "PORTD_E_?";
}

const char *portd_code_text(int code) {
    for (size_t i = 0; i < CODES; i++)
        if (codes[i].code == code)
            return codes[i].text ? codes[i].text : status_text((Portd__V1__Code)-code);
    return code >= 0 ? "no error" : "unknown code";
}

const char *portd_cause_name(int cause) { return status_cause((Portd__V1__Cause)cause); }

const char *portd_notice_name(int event) { return status_event((Portd__V1__Notice__Event)event); }

const char *portd_kind_name(int kind) { return status_kind((Portd__V1__Kind)kind); }

/* Truncates between two UTF-8 characters; bytes 10xxxxxx continue a character. */
static void text_copy(char *to, size_t size, const char *from) {
    size_t length = strlen(from);

    if (length >= size)
        for (length = size - 1; length > 0 && ((unsigned char)from[length] & 0xC0) == 0x80;)
            length--;
    memcpy(to, from, length);
    to[length] = '\0';
}

int failure_set(struct failure *failure, int code, int os_errno, const char *field, const char *message,
                const char *hint) {
    failure->os_errno = os_errno;
    text_copy(failure->message, sizeof(failure->message),
              message && *message ? message : portd_code_text(code));
    text_copy(failure->field, sizeof(failure->field), field ? field : "");
    text_copy(failure->hint, sizeof(failure->hint), hint ? hint : "");
    return code;
}

int error_of_errno(int error) {
    if (error == -ENOMEM)
        return PORTD_E_MEMORY;
    if (error == -EPIPE || error == -ECONNRESET || error == -ENOTCONN)
        return PORTD_E_DISCONNECTED;
    return -(int)status_of_errno(error);
}
