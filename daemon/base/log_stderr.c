/* log_stderr.c: the sink for stderr: one write per line, so that lines of several processes do not mix.
 *
 * In the systemd journal and the event log of a service a line begins with its priority (RFC 5424, "<4>"), elsewhere with the program and the level. */
#include "log.h"
#include "log_output.h"
#include "log_writer.h"
#include "metrics.h"

#include <stdio.h>

void log_stderr(enum log_level level, const char *line) {
    static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};
    static const char *const words[] = {"portd: error: ", "portd: warning: ", "portd: ", "portd: debug: "};
    static int takes_priorities = -1;
    char text[LOG_WRITER_LINE];

    if (takes_priorities < 0)
        takes_priorities = log_output_takes_priorities();
    const char *const *prefixes = takes_priorities ? priorities : words;
    int length = snprintf(text, sizeof(text), "%s%s\n", prefixes[level], line);
    if (length < 0 || (size_t)length >= sizeof(text) ||
        !log_writer_put(prefixes[LOG_LEVEL_WARNING], text, (size_t)length))
        metrics_add(METRIC_LOG_LEFT_OUT_UNREAD, 1);
}
