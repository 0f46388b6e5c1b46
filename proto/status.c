/* status.c: names and texts for the enums of the schema. Each table is indexed by its enum; a number beyond its end is of a later version. */
#include "status.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define LENGTH(table) (sizeof(table) / sizeof(table)[0])

static const struct {
    const char *name;
    const char *text;
} codes[] = {
    [PORTD__V1__CODE__CODE_NONE] = {"none", "no error occurred"},
    [PORTD__V1__CODE__CODE_INVALID] = {"invalid", "invalid request"},
    [PORTD__V1__CODE__CODE_DENIED] = {"denied", "a right is missing"},
    [PORTD__V1__CODE__CODE_NOT_FOUND] = {"not-found", "no such object in this session"},
    [PORTD__V1__CODE__CODE_LIMIT] = {"limit", "a limit was reached"},
    [PORTD__V1__CODE__CODE_VERSION] = {"version", "no common protocol version"},
    [PORTD__V1__CODE__CODE_UNSUPPORTED] = {"unsupported", "not supported by this broker or platform"},
    [PORTD__V1__CODE__CODE_TIMEOUT] = {"timeout", "the deadline has passed"},
    [PORTD__V1__CODE__CODE_CANCELLED] = {"cancelled", "the request was cancelled"},
    [PORTD__V1__CODE__CODE_CLOSED] = {"closed", "the object was closed meanwhile"},
    [PORTD__V1__CODE__CODE_UNCERTAIN] =
        {"uncertain", "the connection was lost: the request may or may not have been carried out"},
    [PORTD__V1__CODE__CODE_TOO_COMPLEX] = {"too-complex", "the message needs too much memory to unpack"},
    [PORTD__V1__CODE__CODE_MISMATCH] = {"mismatch", "wrong number of attached descriptors"},
    [PORTD__V1__CODE__CODE_SYSTEM] = {"system", "a system call of the broker failed"},
    [PORTD__V1__CODE__CODE_GARBLED] = {"garbled", "malformed message"},
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

const char *status_name(Portd__V1__Code code) {
    return (size_t)code < LENGTH(codes) ? codes[code].name : "?";
}

const char *status_text(Portd__V1__Code code) {
    return (size_t)code < LENGTH(codes) ? codes[code].text : "unknown code";
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

/* How many bytes follow the first byte of a character, or -1 if no character begins with it. low and high bound the second byte: these bounds
 * exclude overlong forms (E0, F0), surrogates (ED) and code points above U+10FFFF (F4). */
static int utf8_follow(unsigned char first, unsigned char *low, unsigned char *high) {
    *low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    *high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (first < 0x80)
        return 0;
    if (first < 0xC2)
        return -1;
    return first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : -1;
}

int status_utf8(const char *text) {
    const unsigned char *at = (const unsigned char *)text;

    while (*at) {
        unsigned char low, high;
        int follow = utf8_follow(*at++, &low, &high);
        if (follow < 0)
            return 0;
        for (; follow > 0; follow--, at++, low = 0x80, high = 0xBF)
            if (*at < low || *at > high)
                return 0;
    }
    return 1;
}
