/* status.c: names and texts for the enums of the schema. Each table is indexed by its enum; a number beyond its end is of a later version. */
#include "status.h"

#include "utf8.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LENGTH(table) (sizeof(table) / sizeof(table)[0])

static const char *const codes[] = {
    [PORTD__V1__CODE__CODE_NONE] = "no error occurred",
    [PORTD__V1__CODE__CODE_INVALID] = "invalid request",
    [PORTD__V1__CODE__CODE_DENIED] = "a right is missing",
    [PORTD__V1__CODE__CODE_NOT_FOUND] = "no such object in this session",
    [PORTD__V1__CODE__CODE_LIMIT] = "a limit was reached",
    [PORTD__V1__CODE__CODE_VERSION] = "no common protocol version",
    [PORTD__V1__CODE__CODE_UNSUPPORTED] = "not supported by this broker or platform",
    [PORTD__V1__CODE__CODE_TIMEOUT] = "the deadline has passed",
    [PORTD__V1__CODE__CODE_CANCELLED] = "the request was cancelled",
    [PORTD__V1__CODE__CODE_CLOSED] = "the object was closed meanwhile",
    [PORTD__V1__CODE__CODE_UNCERTAIN] =
        "there was no reply: the request may or may not have been carried out",
    [PORTD__V1__CODE__CODE_TOO_COMPLEX] = "the message needs too much memory to unpack",
    [PORTD__V1__CODE__CODE_MISMATCH] = "wrong number of attached descriptors",
    [PORTD__V1__CODE__CODE_SYSTEM] = "a system call of the broker failed",
    [PORTD__V1__CODE__CODE_GARBLED] = "malformed message",
    [PORTD__V1__CODE__CODE_EXISTS] = "another descriptor is held under the name",
};

static const char *const causes[] = {
    [PORTD__V1__CAUSE__CAUSE_NONE] = "none",
    [PORTD__V1__CAUSE__CAUSE_READY] = "ready",
    [PORTD__V1__CAUSE__CAUSE_HALF_CLOSE] = "half-close",
    [PORTD__V1__CAUSE__CAUSE_HANG_UP] = "hang-up",
    [PORTD__V1__CAUSE__CAUSE_ERROR] = "error",
    [PORTD__V1__CAUSE__CAUSE_PORT_CLOSED] = "port-closed",
    [PORTD__V1__CAUSE__CAUSE_REMOVED] = "removed",
    [PORTD__V1__CAUSE__CAUSE_REPLACED] = "replaced",
    [PORTD__V1__CAUSE__CAUSE_REVOKED] = "revoked",
    [PORTD__V1__CAUSE__CAUSE_EXPIRED] = "expired",
    [PORTD__V1__CAUSE__CAUSE_DISCONNECTED] = "disconnected",
    [PORTD__V1__CAUSE__CAUSE_RESYNC] = "resync",
};

static const char *const kinds[] = {
    [PORTD__V1__KIND__KIND_NONE] = "none", [PORTD__V1__KIND__KIND_DESCRIPTOR] = "descriptor",
    [PORTD__V1__KIND__KIND_PORT] = "port", [PORTD__V1__KIND__KIND_SEMAPHORE] = "semaphore",
    [PORTD__V1__KIND__KIND_EVT] = "evt",   [PORTD__V1__KIND__KIND_SESSION] = "session",
};

static const char *const events[] = {
    [PORTD__V1__NOTICE__EVENT__EVENT_NONE] = "none",
    [PORTD__V1__NOTICE__EVENT__EVENT_MADE] = "made",
    [PORTD__V1__NOTICE__EVENT__EVENT_READY] = "ready",
    [PORTD__V1__NOTICE__EVENT__EVENT_FIRED] = "fired",
    [PORTD__V1__NOTICE__EVENT__EVENT_ENDED] = "ended",
    [PORTD__V1__NOTICE__EVENT__EVENT_RELEASED] = "released",
    [PORTD__V1__NOTICE__EVENT__EVENT_CLOSED] = "closed",
    [PORTD__V1__NOTICE__EVENT__EVENT_PASSED] = "passed",
    [PORTD__V1__NOTICE__EVENT__EVENT_CONNECTED] = "connected",
    [PORTD__V1__NOTICE__EVENT__EVENT_DISCONNECTED] = "disconnected",
    [PORTD__V1__NOTICE__EVENT__EVENT_REFUSED] = "refused",
    [PORTD__V1__NOTICE__EVENT__EVENT_TURNED_AWAY] = "turned-away",
};

/* An enum received may have any value: as size_t a negative one is beyond the table, too. */

const char *status_text(Portd__V1__Code code) {
    return (size_t)code < LENGTH(codes) ? codes[code] : "unknown code";
}

const char *status_cause(Portd__V1__Cause cause) {
    return (size_t)cause < LENGTH(causes) ? causes[cause] : "?";
}

const char *status_kind(Portd__V1__Kind kind) { return (size_t)kind < LENGTH(kinds) ? kinds[kind] : "?"; }

const char *status_event(Portd__V1__Notice__Event event) {
    return (size_t)event < LENGTH(events) ? events[event] : "?";
}

Portd__V1__Code status_of_errno(int error) {
    switch (-error) {
    case 0:
        return PORTD__V1__CODE__CODE_NONE;
    case EINVAL:
    case EBADF:
    case ENOTSOCK:
        return PORTD__V1__CODE__CODE_INVALID;
    case EPERM:
    case EACCES:
        return PORTD__V1__CODE__CODE_DENIED;
    case ENOENT:
        return PORTD__V1__CODE__CODE_NOT_FOUND;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
        return PORTD__V1__CODE__CODE_LIMIT;
    case ENOSYS:
    case ENOTSUP:
        return PORTD__V1__CODE__CODE_UNSUPPORTED;
    case ETIMEDOUT:
        return PORTD__V1__CODE__CODE_TIMEOUT;
    case ECANCELED:
        return PORTD__V1__CODE__CODE_CANCELLED;
    default:
        return PORTD__V1__CODE__CODE_SYSTEM;
    }
}

int status_utf8(const char *text) {
    size_t left = strlen(text);

    while (left) {
        size_t size = utf8_character(text, left);
        if (!size)
            return 0;
        text += size;
        left -= size;
    }
    return 1;
}
