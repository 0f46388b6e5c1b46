/* split_watch.h: a second number for a descriptor's open file, so that its directions are watched apart.
 *
 * Whoever waits by wake-one needs each activity of its direction told once. The kernel tells of all that is ready with each activity of an
 * entry, and when that is changed: so another direction must not be in the same entry. It has one per number. The second one is there as
 * long as there is a wake-one wait, if somebody needs the other direction meanwhile. It counts as a descriptor of its user. Where it cannot
 * be had, or watched, both directions are watched by one entry, and an activity of one may be told of as one of the other. */
#ifndef SPLIT_WATCH_H
#define SPLIT_WATCH_H

#include "daemon/readiness/engine.h"

#include <stdbool.h>
#include <stdint.h>

struct descriptor;

struct split_watch {
    uint64_t id; /* of the descriptor */
    os_fd fd;
    struct engine_watch watch;
    uint8_t direction; /* what is watched by it; the other one is by the descriptor's own */
};

/* The one that it has (descriptor->apart), or NULL. */
struct split_watch *split_watch_find(const struct descriptor *descriptor);

/* What one direction has to be watched for. */
struct split_watch_need {
    unsigned interest; /* of that direction, or 0 */
    bool edge;
    bool ones; /* there are wake-one waits */
};

/* Watches each direction by an entry of its own. False: that is not needed, or cannot be; there is one entry. True: error is what
 * engine_arm has answered for the descriptor's own number, or 0. */
bool split_watch_arm(struct descriptor *descriptor, const struct split_watch_need needs[2], int *error);

/* Before the descriptor is closed; nothing if it has none. */
void split_watch_close(struct descriptor *descriptor);

/* What the engine tells of it by, and the id of the descriptor that a token is about, whichever entry has told. */
uint64_t split_watch_token(uint64_t id);
bool split_watch_is_token(uint64_t token);
uint64_t split_watch_id(uint64_t token);

#endif
