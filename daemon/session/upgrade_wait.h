/* upgrade_wait.h: a request to have another broker take over, as this one gets it (sessions->upgrade). The other one answers it. */
#ifndef UPGRADE_WAIT_H
#define UPGRADE_WAIT_H

#include "daemon/base/ring.h"

struct refusal;

/* Embedded in the record of the request. Whoever does not want the answer any more takes it out of its ring. */
struct upgrade_wait {
    void (*failed)(struct upgrade_wait *wait, const struct refusal *refusal); /* this broker goes on */
    struct ring node;
};

#endif
