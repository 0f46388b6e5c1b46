/* log.h: the broker's log for its operator: one line per event, with a level, a sentence, and key=value fields.
 *
 * Lines that clients can cause are limited per topic and uid (log_limit.h); a sum replaces those left out. The sink is a function pointer,
 * so that tests can replace it. log_stderr.c is the usual one: it never blocks. Called from the loop's thread only. */
#ifndef LOG_H
#define LOG_H

#include "proto/os.h"

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The subject of a line that a client or a signal can cause. */
enum log_topic {
    LOG_TOPIC_CONNECTION,   /* a connection ended */
    LOG_TOPIC_STRANGER,     /* a connection was turned away */
    LOG_TOPIC_LISTENER,     /* connections cannot be accepted */
    LOG_TOPIC_SESSION,      /* a session ended */
    LOG_TOPIC_BELONGINGS,   /* descriptors that a session held when it ended */
    LOG_TOPIC_DESCRIPTOR,   /* a descriptor cannot be watched */
    LOG_TOPIC_HANDLE,       /* a pollable handle cannot be signalled */
    LOG_TOPIC_WORKER,       /* a worker thread cannot be started */
    LOG_TOPIC_REST,         /* a uid is paused because its calls take long */
    LOG_TOPIC_RELOAD,       /* the configuration is read again */
    LOG_TOPIC_NOTIFICATION, /* one is not heeded */
    LOG_TOPICS
};

#define LOG_NOBODY UINT64_MAX /* instead of a uid: no single uid caused it */
#define LOG_NEVER INT64_MAX

typedef void log_sink(enum log_level level, const char *line);

/* Lines of a level above `level` are dropped before they are formatted. Before this call: info, no sink. */
void log_open(log_sink *sink, enum log_level level);

/* Writes all sums that are due or will be, then waits for the stderr thread, two seconds at most. For atexit. */
void log_close(void);

/* From now on lines above that level are dropped. */
void log_set_level(enum log_level level);

/* Parses "error", "warning", "info" or "debug". 0, or -1 for any other word. */
int log_level_parse(const char *word, enum log_level *level);
const char *log_level_word(enum log_level level);

/* Writes one line, without a limit: for events that only the operator or the system can cause. Escapes control characters, truncates (and
 * marks) a long line. errno is kept. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes one line that a client can cause, unless its uid has used up its lines for the topic. */
void log_write_about(enum log_topic topic, os_uid uid, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Writes a text that a client has chosen as the value of a field: in double quotes, with a backslash before each `"` and `\`. What does not
 * fit into `size` bytes (3 at least; LOG_QUOTED(n) is enough for n bytes) is left out. Returns `quoted`. */
#define LOG_QUOTED(n) (2 * (n) + 3)
const char *log_quote(char *quoted, size_t size, const char *text);

/* When the next sum is due (os_now_us), or LOG_NEVER. */
int64_t log_due(void);
void log_sum_up(int64_t now); /* writes the sums that are due */

/* The sink for stderr. If stderr is the systemd journal (JOURNAL_STREAM names its device and inode), a line begins with its priority ("<6>"). */
void log_stderr(enum log_level level, const char *line);

#endif
