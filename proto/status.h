/* status.h: names and texts of the enums of portd.proto, for broker and library. */
#ifndef STATUS_H
#define STATUS_H

#include "portd.pb-c.h"

/* A sentence for people. */
const char *status_text(Portd__V1__Code code);

/* "half-close"; "?" for others. */
const char *status_cause(Portd__V1__Cause cause);

/* "semaphore"; "?" for others. */
const char *status_kind(Portd__V1__Kind kind);

/* "made"; "?" for others. */
const char *status_event(Portd__V1__Notice__Event event);

/* The closest code for a negative errno. */
Portd__V1__Code status_of_errno(int error);

/* True if text is UTF-8 without NUL (Unicode 15, D92: no surrogates, no overlong forms). */
int status_utf8(const char *text);

#endif
