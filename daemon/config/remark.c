/* remark.c: collects texts. A file may name or contain anything: what is not UTF-8, or a control character, is written as a question mark. */
#include "remark.h"

#include "daemon/base/text.h"
#include "proto/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In place: each byte that is replaced was one or more. */
static void clean(char *text) {
    size_t left = strlen(text);
    char *to = text;
    while (left) {
        size_t size = utf8_character(text, left), control = size ? utf8_control(text) : 0;
        if (size && !control) {
            memmove(to, text, size);
            to += size;
        } else {
            *to++ = '?';
            if (!size)
                size = 1;
        }
        text += size;
        left -= size;
    }
    *to = '\0';
}

void remarks_add(struct remarks *remarks, const char *file, unsigned line, const char *format, ...) {
    char text[REMARK_SIZE];
    va_list arguments;
    int at = 0;
    if (remarks->n++ >= REMARKS_KEPT)
        return;
    if (file && line)
        at = snprintf(text, sizeof text, "%s:%u: ", file, line);
    else if (file)
        at = snprintf(text, sizeof text, "%s: ", file);
    if (at < 0 || (size_t)at >= sizeof text / 2) /* a long path must not hide what is wrong */
        at = snprintf(text, sizeof text, "...%s:%u: ", file + strlen(file) - sizeof text / 4, line);
    va_start(arguments, format);
    (void)vsnprintf(text + at, sizeof text - (size_t)at, format, arguments);
    va_end(arguments);
    clean(text);
    remarks->texts[remarks->n - 1] = text_copy(text);
    if (!remarks->texts[remarks->n - 1])
        remarks->memory = true;
}

size_t remarks_kept(const struct remarks *remarks) {
    return remarks->n < REMARKS_KEPT ? remarks->n : REMARKS_KEPT;
}

void remarks_clear(struct remarks *remarks) {
    for (size_t i = 0; i < remarks_kept(remarks); i++)
        free(remarks->texts[i]);
    *remarks = (struct remarks){.n = 0};
}
