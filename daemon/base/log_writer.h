/* log_writer.h: writes lines to stderr without ever blocking the caller.
 *
 * Other processes share the open file of stderr, so it must not be made non-blocking, and a pipe that poll reports writable may be full at
 * the write. So a thread writes, one call per line, and may block for ever. A lock-free ring buffer of fixed size connects it with the
 * loop's thread: a line is put whole, or dropped and counted; a notice stands in the log where lines are missing. */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>

enum { LOG_WRITER_RING = 64 * 1024, LOG_WRITER_LINE = 4352 };

/* From one thread at a time. prefix (static) begins the notice about dropped lines. line ends with a newline and has at most
 * LOG_WRITER_LINE bytes. The first call starts the thread, with all signals blocked. False: dropped. */
bool log_writer_put(const char *prefix, const char *line, size_t length);

/* Waits until all lines are written, for patience_ms at most (0: not at all). The thread ends, or is abandoned if its write blocks; a later
 * log_writer_put starts a new thread only if it has ended. */
void log_writer_finish(unsigned patience_ms);

#endif
