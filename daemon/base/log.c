/* log.c: formats a line and gives it to the sink. No memory is taken: a text is at most LINE_BYTES long.
 *
 * What clients name finds its way into lines, so nothing in them may end a line early or steer a terminal:
 * control characters, those of the second control set of Unicode too, are written as \xNN. */
#include "log.h"

#include "metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 1024, ESCAPE_BYTES = 4 };

static const char cut_mark[] = " [cut]";
static const char *const words[] = {[LOG_LEVEL_ERROR] = "error",
                                    [LOG_LEVEL_WARNING] = "warning",
                                    [LOG_LEVEL_INFO] = "info",
                                    [LOG_LEVEL_DEBUG] = "debug"};

static log_sink *current_sink;
static enum log_level current_level = LOG_LEVEL_INFO;

void log_open(log_sink *sink, enum log_level level) {
    current_sink = sink;
    current_level = level;
}

int log_level_parse(const char *word, enum log_level *level) {
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(word, words[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

/* C2 80 to C2 9F are the second control set in UTF-8. */
static int is_control(const unsigned char *at) {
    if (at[0] < 0x20 || at[0] == 0x7f)
        return 1;
    return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;
}

/* text without control characters. line has room for LINE_BYTES of text, all of them escaped. */
static void escape(char *line, const char *text) {
    for (; *text; text++) {
        if (is_control((const unsigned char *)text))
            line += snprintf(line, ESCAPE_BYTES + 1, "\\x%02x", (unsigned)(unsigned char)*text);
        else
            *line++ = *text;
    }
    *line = '\0';
}

/* Ends a text that did not fit, between two characters. */
static void cut(char *text) {
    size_t end = LINE_BYTES - sizeof(cut_mark);

    while (((unsigned char)text[end] & 0xc0) == 0x80 && end > 0)
        end--;
    memcpy(text + end, cut_mark, sizeof(cut_mark));
}

void log_write(enum log_level level, const char *format, ...) {
    char text[LINE_BYTES], line[LINE_BYTES * ESCAPE_BYTES];
    int error = errno, length;
    va_list arguments;

    if (level <= LOG_LEVEL_WARNING)
        metrics_add(level == LOG_LEVEL_ERROR ? METRIC_COMPLAINTS_ERROR : METRIC_COMPLAINTS_WARNING, 1);
    if (!current_sink || level > current_level)
        return;
    va_start(arguments, format);
    length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (length < 0)
        (void)snprintf(text, sizeof(text), "a line that cannot be formatted: %s", format);
    else if (length >= LINE_BYTES)
        cut(text);
    escape(line, text);
    current_sink(level, line);
    errno = error;
}
