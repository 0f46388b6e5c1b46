/* split_watch.h: a second copy of a descriptor's open file, so that its two directions are watched by two
 * entries.
 *
 * A wake-one wait needs each activity of its direction reported once. With each activity of an engine entry,
 * and with each change of it, the kernel reports everything that is ready. So the other direction must be in
 * another entry, and there is one entry per fd. The second fd exists while one direction has wake-one waits, if
 * the other has been needed too meanwhile. It is charged to the user as a descriptor. If it cannot be made or
 * watched, one entry watches both directions, and an activity of one may be reported as one of the other. */
#ifndef SPLIT_WATCH_H
#define SPLIT_WATCH_H

#include "daemon/access/kept.h"
#include "daemon/readiness/engine.h"

#include <stdbool.h>
#include <stdint.h>

struct descriptor;

struct split_watch {
    uint64_t id; /* the descriptor's */
    os_fd fd;
    struct engine_watch watch;
    struct kept kept;
    uint8_t direction; /* what is watched by it; the other one is by the descriptor's own */
};

/* Returns the descriptor's split watch, or NULL. */
struct split_watch *split_watch_find(const struct descriptor *descriptor);

/* What one direction must be watched for. */
struct split_watch_need {
    unsigned interest; /* that direction's engine bit, or 0 */
    bool edge;
    bool ones; /* it has wake-one waits */
};

/* Watches each direction by an entry of its own. Returns true with *error: engine_arm's result for the
 * descriptor's own fd. False: that is not needed or not possible; the caller must use one entry for both. */
bool split_watch_arm(struct descriptor *descriptor, const struct split_watch_need needs[2], int *error);

/* Ends the split watch, if there is one. Call it before the descriptor is closed. */
void split_watch_close(struct descriptor *descriptor);

/* Whether a token of the engine is that of a split watch, and the descriptor's id for a token of either entry. */
bool split_watch_is_token(uint64_t token);
uint64_t split_watch_id(uint64_t token);

#endif
