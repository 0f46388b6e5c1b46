/* refusal.c: fills refusals: a code, a sentence and, if there is one, a hint. */
#include "refusal.h"

#include "proto/os.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Removes a partial UTF-8 character at the end: the text may have been truncated inside a client's name. */
static void trim(char *text) {
    size_t end = strlen(text), start = end, size;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)text[start - 1] < 0xc0)
        return;
    unsigned char lead = (unsigned char)text[--start];
    size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (end - start < size)
        text[start] = 0;
}

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
    trim(refusal->text);
    return -1;
}

const char refusal_full_group[] =
    "the memory of the broker's control group is in use, by what was done for others";

int refusal_memory(struct refusal *refusal) {
    return refusal_set(refusal, REFUSAL_LIMIT, NULL, NULL, "the broker is out of memory");
}

int refusal_system(struct refusal *refusal, int error, const char *what) {
    enum refusal_code code = error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC
                                 ? REFUSAL_LIMIT
                                 : REFUSAL_SYSTEM;
    refusal_set(refusal, code, NULL, NULL, "%s: %s", what, os_error_text(error));
    refusal->os_errno = error;
    return -1;
}
