/* refusal.c: one way to say no, so that every no has a code, a sentence and, where there is one, a way out. */
#include "refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int refusal_set(struct refusal *refusal, enum refusal_code code, const char *field, const char *hint,
                const char *format, ...) {
    va_list arguments;
    refusal->code = code;
    refusal->os_errno = 0;
    refusal->field = field;
    refusal->hint = hint;
    va_start(arguments, format);
    vsnprintf(refusal->text, sizeof refusal->text, format, arguments);
    va_end(arguments);
    return -1;
}

int refusal_system(struct refusal *refusal, int error, const char *what) {
    enum refusal_code code = error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC
                                 ? REFUSAL_LIMIT
                                 : REFUSAL_SYSTEM;
    refusal_set(refusal, code, NULL, NULL, "%s: %s", what, strerror(error));
    refusal->os_errno = error;
    return -1;
}
