/* log.c: formats a line and passes it to the sink. Allocates nothing: a text is at most LINE_BYTES long.
 *
 * Lines contain names chosen by clients, which must not end a line early or control a terminal: control characters, including
 * Unicode's second set (C1), and those that change the direction of a line or break it, are written as \xNN. */
#include "log.h"

#include "log_limit.h"
#include "log_writer.h"
#include "metrics.h"
#include "proto/os.h"
#include "proto/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 1024, ESCAPE_BYTES = 4, PATIENCE_MS = 2000 };

static const char cut_mark[] = " [cut]";
static const char *const words[] = {[LOG_LEVEL_ERROR] = "error",
                                    [LOG_LEVEL_WARNING] = "warning",
                                    [LOG_LEVEL_INFO] = "info",
                                    [LOG_LEVEL_DEBUG] = "debug"};

static const char *const topics[] = {[LOG_TOPIC_CONNECTION] = "connection ended",
                                     [LOG_TOPIC_STRANGER] = "connection turned away",
                                     [LOG_TOPIC_LISTENER] = "cannot accept connections",
                                     [LOG_TOPIC_SESSION] = "session ended",
                                     [LOG_TOPIC_BELONGINGS] = "session still held descriptors",
                                     [LOG_TOPIC_DESCRIPTOR] = "cannot watch a descriptor",
                                     [LOG_TOPIC_HANDLE] = "cannot signal a pollable handle",
                                     [LOG_TOPIC_WORKER] = "cannot start a worker thread",
                                     [LOG_TOPIC_REST] = "users paused",
                                     [LOG_TOPIC_RELOAD] = "configuration read",
                                     [LOG_TOPIC_NOTIFICATION] = "notifications not heeded"};

static log_sink *current_sink;
static enum log_level current_level = LOG_LEVEL_INFO;
static struct log_limit limit = {.due = LOG_NEVER};

void log_open(log_sink *sink, enum log_level level) {
    current_sink = sink;
    current_level = level;
    log_limit_init(&limit);
}

void log_set_level(enum log_level level) { current_level = level; }

int log_level_parse(const char *word, enum log_level *level) {
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (strcmp(word, words[i]) == 0) {
            *level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

const char *log_level_word(enum log_level level) { return words[level]; }

/* Copies text with control characters escaped. line has room for LINE_BYTES of text, all of them escaped. */
static void escape(char *line, const char *text) {
    while (*text) {
        size_t size = utf8_control(text);
        if (!size)
            *line++ = *text++;
        for (; size; size--)
            line += snprintf(line, ESCAPE_BYTES + 1, "\\x%02x", (unsigned)(unsigned char)*text++);
    }
    *line = '\0';
}

const char *log_quote(char *quoted, size_t size, const char *text) {
    char *out = quoted, *end = quoted + size - 2; /* for the last quote and the zero */

    *out++ = '"';
    for (; *text; text++) {
        bool escaped = *text == '"' || *text == '\\';
        if (end - out < (escaped ? 2 : 1))
            break;
        if (escaped)
            *out++ = '\\';
        *out++ = *text;
    }
    *out++ = '"';
    *out = '\0';
    return quoted;
}

/* Truncates a text that did not fit, between two characters, and marks it. */
static void cut(char *text) {
    size_t end = LINE_BYTES - sizeof(cut_mark);

    while (((unsigned char)text[end] & 0xc0) == 0x80 && end > 0)
        end--;
    memcpy(text + end, cut_mark, sizeof(cut_mark));
}

static void count(enum log_level level) {
    if (level <= LOG_LEVEL_WARNING)
        metrics_add(level == LOG_LEVEL_ERROR ? METRIC_COMPLAINTS_ERROR : METRIC_COMPLAINTS_WARNING, 1);
}

static bool is_wanted(enum log_level level) { return current_sink && level <= current_level; }

__attribute__((format(printf, 2, 0))) static void write_line(enum log_level level, const char *format,
                                                             va_list arguments) {
    char text[LINE_BYTES], line[LINE_BYTES * ESCAPE_BYTES];
    int error = errno, length = vsnprintf(text, sizeof(text), format, arguments);

    if (length < 0)
        (void)snprintf(text, sizeof(text), "cannot format a log line: %s", format);
    else if (length >= LINE_BYTES)
        cut(text);
    escape(line, text);
    current_sink(level, line);
    errno = error;
}

void log_write(enum log_level level, const char *format, ...) {
    va_list arguments;

    count(level);
    if (!is_wanted(level))
        return;
    va_start(arguments, format);
    write_line(level, format, arguments);
    va_end(arguments);
}

void log_write_about(enum log_topic topic, os_uid uid, enum log_level level, const char *format, ...) {
    va_list arguments;
    int64_t now;

    count(level);
    if (!is_wanted(level))
        return;
    now = os_now_us();
    log_sum_up(now);
    if (!log_limit_pass(&limit, topic, uid, level, now)) {
        metrics_add(METRIC_LOG_LEFT_OUT_SUMMED, 1);
        return;
    }
    va_start(arguments, format);
    write_line(level, format, arguments);
    va_end(arguments);
}

/* For sums: their lines were counted when they were left out. */
__attribute__((format(printf, 2, 3))) static void write_uncounted(enum log_level level, const char *format,
                                                                  ...) {
    va_list arguments;

    if (!is_wanted(level))
        return;
    va_start(arguments, format);
    write_line(level, format, arguments);
    va_end(arguments);
}

int64_t log_due(void) { return limit.due; }

void log_sum_up(int64_t now) {
    struct log_limit_entry sum;
    bool several;

    while (log_limit_sum(&limit, now, &sum, &several)) {
        char whose[32] = "";
        if (several)
            (void)snprintf(whose, sizeof(whose), " of further uids");
        else if (sum.uid != LOG_NOBODY)
            (void)snprintf(whose, sizeof(whose), "; uid=%" PRIu64, sum.uid);
        write_uncounted(sum.level, "%s: %" PRIu64 " more in %d s%s", topics[sum.topic], sum.left_out,
                        LOG_LIMIT_US / 1000000, whose);
    }
}

void log_close(void) {
    log_sum_up(LOG_NEVER - 1);
    log_writer_finish(PATIENCE_MS);
}
