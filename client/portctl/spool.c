/* spool.c: the options. */
#include "spool.h"

#include "client/portd.h"
#include "failure.h"
#include "text.h"

#include <string.h>

enum { LEAST = 4096, MOST = 64 << 20 };

static int parse_when_full(const struct invocation *in, int *when_full) {
    const char *text = command_option(in, "when-full");

    *when_full = PORTD_SPOOL_DROP;
    if (text == NULL || strcmp(text, "drop") == 0)
        return 0;
    *when_full = PORTD_SPOOL_STOP;
    return strcmp(text, "stop") == 0
               ? 0
               : failure_usage(&in->output, NULL, "--when-full %s: expected drop or stop", text);
}

int spool_parse(const struct invocation *in, uint64_t *bytes, int *when_full) {
    const char *text = command_option(in, "spool");

    *bytes = 0;
    if (text == NULL && command_option(in, "when-full") != NULL)
        return failure_usage(&in->output, NULL, "--when-full is for --spool SIZE");
    if (text != NULL && (!text_size(text, bytes) || *bytes < LEAST || *bytes > MOST))
        return failure_usage(&in->output, NULL, "--spool %s: expected a size from 4KiB to 64MiB", text);
    return parse_when_full(in, when_full);
}
