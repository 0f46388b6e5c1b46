/* log_output.h: what log_writer.c and log_stderr.c need of the system: stderr, and a thread that writes to it. One per process. */
#ifndef LOG_OUTPUT_H
#define LOG_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a reader of the lines expects each to begin with its priority (RFC 5424, "<6>"): the systemd journal, or the event log of a service. */
bool log_output_takes_priorities(void);

/* Writes one line, in one call if possible. Blocks as long as it takes. False: it failed. */
bool log_output_write(const char *line, size_t length);

/* Whether a write would not block now; false if the system does not tell. */
bool log_output_has_room(void);

/* Starts the thread, which gets no signal. Then one of the last two is called, once. */
bool log_output_start(void (*run)(void));
void log_output_join(void);
void log_output_leave(void);

/* The thread waits until there was a post since its last wait. */
void log_output_post(void);
void log_output_await(void);

/* Sleeps for a millisecond. */
void log_output_pause(void);

#endif
