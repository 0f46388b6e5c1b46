/* log_stderr_unix.c: the sink for stderr: one write per line, so that lines of several processes do not mix.
 *
 * In the systemd journal a line begins with its priority (RFC 5424, "<4>"), elsewhere with the program and the level. */
#include "log.h"
#include "log_writer.h"
#include "metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { STDERR = 2 };

/* Compares with JOURNAL_STREAM, since stderr may have been redirected after it was set. */
static int is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t device, inode;
    struct stat status;
    char rest;

    if (!stream || sscanf(stream, "%" SCNuMAX ":%" SCNuMAX "%c", &device, &inode, &rest) != 2)
        return 0;
    return fstat(STDERR, &status) == 0 && (uintmax_t)status.st_dev == device &&
           (uintmax_t)status.st_ino == inode;
}

void log_stderr(enum log_level level, const char *line) {
    static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};
    static const char *const words[] = {"portd: error: ", "portd: warning: ", "portd: ", "portd: debug: "};
    static int journal = -1;
    char text[LOG_WRITER_LINE];

    if (journal < 0)
        journal = is_journal();
    const char *const *prefixes = journal ? priorities : words;
    int length = snprintf(text, sizeof(text), "%s%s\n", prefixes[level], line);
    if (length < 0 || (size_t)length >= sizeof(text) ||
        !log_writer_put(prefixes[LOG_LEVEL_WARNING], text, (size_t)length))
        metrics_add(METRIC_LOG_LEFT_OUT_UNREAD, 1);
}
