/* log_writer.h: writes lines to stderr without ever waiting for whoever reads there.
 *
 * stderr is shared with others, so it cannot be made non-blocking, and a pipe that has room when it is asked may have none when it is
 * written. So a thread writes, one call a line, and may be held up for ever. Between it and the loop's thread is a ring of fixed size
 * without a lock: a line goes in as a whole, or it is dropped, counted, and told of at the place where it is missing. */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>

enum { LOG_WRITER_RING = 64 * 1024, LOG_WRITER_LINE = 4352 };

/* One thread at a time. prefix is what a line about dropped ones begins with; it stays. line has its newline and is at most
 * LOG_WRITER_LINE long. The thread is started by the first one, with all signals blocked. False: dropped. */
bool log_writer_put(const char *prefix, const char *line, size_t length);

/* Waits for what has been put, at most so many milliseconds: 0 is not at all. The thread ends, or is left behind where it is held up; what
 * is put afterwards starts another one only if it has ended. */
void log_writer_finish(unsigned patience_ms);

#endif
