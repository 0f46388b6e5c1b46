/* reload.h: a request to read the configuration again, as the broker gets it (sessions->reload). */
#ifndef RELOAD_H
#define RELOAD_H

#include "daemon/base/ring.h"

#include <stddef.h>

struct refusal;

struct reload_answer {
    const struct refusal *refusal; /* NULL: the new configuration is in use */
    char *const *notes;            /* what was not changed by it, and why */
    size_t n_notes;
};

/* Embedded in the record of the request. Whoever does not want the answer any more takes it out of its ring. */
struct reload_wait {
    void (*done)(struct reload_wait *wait, const struct reload_answer *answer);
    struct ring node;
};

#endif
