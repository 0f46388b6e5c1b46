/* cause.c: engine events as causes. */
#include "cause.h"

#include "daemon/readiness/engine.h"
#include "direction.h"

enum cause cause_of(unsigned events, int direction) {
    if (events & ENGINE_ERROR)
        return CAUSE_ERROR;
    if (events & ENGINE_HANG_UP)
        return CAUSE_HANG_UP;
    if (direction == DIRECTION_WRITE)
        return events & ENGINE_WRITE ? CAUSE_READY : CAUSE_NONE;
    if (events & ENGINE_HALF_CLOSE)
        return CAUSE_HALF_CLOSE;
    return events & ENGINE_READ ? CAUSE_READY : CAUSE_NONE;
}
