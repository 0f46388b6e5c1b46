/* spool.h: whether the broker keeps what comes from what is put: --spool and --when-full. */
#ifndef SPOOL_H
#define SPOOL_H

#include "client/portctl/command.h"

#include <stdint.h>

/* The options --spool and --when-full. */
#define SPOOL_OPTION_BYTES                                                                                   \
    { "spool", "SIZE", "the broker takes what comes and keeps so much of it", false, NULL }
#define SPOOL_OPTION_WHEN_FULL                                                                               \
    { "when-full", "drop|stop", "a full spool drops its oldest bytes, or takes no more", false, "drop|stop" }

/* *bytes: 0: none is wanted. *when_full: of the library. Returns 0, or the exit code of an error that has been printed. */
int spool_parse(const struct invocation *in, uint64_t *bytes, int *when_full);

#endif
