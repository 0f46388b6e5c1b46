/* log.h: what the broker says to its operator: one line an event, a level, a sentence, key=value fields.
 *
 * The sink is a function pointer, so that tests can listen. log_stderr.c is the ordinary one: lines on
 * stderr, with a journal priority in front ("<6>") when stderr is the journal (JOURNAL_STREAM names its
 * device and inode). */
#ifndef LOG_H
#define LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

typedef void log_sink(enum log_level level, const char *line);

/* Lines above the level are dropped before they are formatted. Default: info, no sink. */
void log_open(log_sink *sink, enum log_level level);

/* "error", "warning", "info", "debug". 0, or -1 for another word. */
int log_level_parse(const char *word, enum log_level *level);

/* One line. Control characters in it come out escaped, what is too long is cut and says so. errno is kept. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The sink that writes to stderr. */
void log_stderr(enum log_level level, const char *line);

#endif
