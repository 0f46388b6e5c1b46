/* fault.c: collects faults. A file may name or contain anything: what is not UTF-8, or a control character, is written as a question mark. */
#include "fault.h"

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

static char *copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *made = malloc(size);
    return made ? memcpy(made, text, size) : NULL;
}

void faults_add(struct faults *faults, const char *file, unsigned line, const char *format, ...) {
    char text[FAULT_SIZE];
    va_list arguments;
    int at = 0;
    if (faults->n++ >= FAULTS_KEPT)
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
    faults->texts[faults->n - 1] = copy(text);
    if (!faults->texts[faults->n - 1])
        faults->memory = true;
}

size_t faults_kept(const struct faults *faults) { return faults->n < FAULTS_KEPT ? faults->n : FAULTS_KEPT; }

void faults_clear(struct faults *faults) {
    for (size_t i = 0; i < faults_kept(faults); i++)
        free(faults->texts[i]);
    *faults = (struct faults){.n = 0};
}
