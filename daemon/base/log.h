/* log.h: what the broker says to its operator: one line an event, a level, a sentence, key=value fields.
 *
 * What clients can cause is limited: of one topic a uid gets some lines in ten seconds, and what is left out is summed up. The sink is a
 * function pointer, so that tests can listen. log_stderr_unix.c is the ordinary one: lines on stderr, with a journal priority in front
 * ("<6>") when stderr is the journal (JOURNAL_STREAM names its device and inode); it never waits. Only the loop's thread writes. */
#ifndef LOG_H
#define LOG_H

#include "proto/os.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* What lines that a client, or a signal, can cause are about. */
enum log_topic {
    LOG_TOPIC_CONNECTION, /* one was ended */
    LOG_TOPIC_STRANGER,   /* a connection was turned away */
    LOG_TOPIC_LISTENER,   /* no connections are accepted */
    LOG_TOPIC_SESSION,    /* one has ended */
    LOG_TOPIC_BELONGINGS, /* what a session still had at the end */
    LOG_TOPIC_DESCRIPTOR, /* one cannot be watched */
    LOG_TOPIC_HANDLE,     /* one cannot be made ready */
    LOG_TOPIC_WORKER,     /* one cannot be started */
    LOG_TOPIC_SIGNAL,
    LOG_TOPICS
};

#define LOG_NOBODY UINT64_MAX /* for a uid: nobody's or everybody's doing */
#define LOG_NEVER INT64_MAX

typedef void log_sink(enum log_level level, const char *line);

/* Lines above the level are dropped before they are formatted. Default: info, no sink. */
void log_open(log_sink *sink, enum log_level level);

/* Sums up what was left out, and waits for the sink, at most two seconds. For atexit. */
void log_close(void);

/* "error", "warning", "info", "debug". 0, or -1 for another word. */
int log_level_parse(const char *word, enum log_level *level);

/* One line, always: for what only the operator or the system can cause. Control characters in it come out escaped, what is too long is
 * cut and says so. errno is kept. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line that a client can cause, as far as its uid has any left. */
void log_write_about(enum log_topic topic, os_uid uid, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* When log_sum_up has something to say (os_now_us); LOG_NEVER. */
int64_t log_due(void);
void log_sum_up(int64_t now);

/* The sink that writes to stderr. */
void log_stderr(enum log_level level, const char *line);

#endif
