/* look.c: compares what a descriptor is with what it was. */
#include "look.h"

unsigned look_poisons(const struct look_state *put, const struct look *now) {
    const struct look_state *state = &now->state;
    unsigned known = put->known & state->known, poisons = 0;
    if (known & LOOK_KNOWS_ACCEPTING && put->accepting && !state->accepting)
        poisons |= LOOK_NOT_LISTENING;
    if (now->reading == LOOK_SHUT)
        poisons |= LOOK_SHUT_READ;
    if (now->writing == LOOK_SHUT)
        poisons |= LOOK_SHUT_WRITE;
    if (known & LOOK_KNOWS_FLAGS && (put->flags ^ state->flags) & LOOK_CHANGING)
        poisons |= LOOK_FLAGS;
    if (known & LOOK_KNOWS_OFFSET && (uint32_t)put->offset != (uint32_t)state->offset)
        poisons |= LOOK_OFFSET;
    return poisons;
}
