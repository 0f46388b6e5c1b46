/* cause.h: why a waitable is ready or has ended. */
#ifndef CAUSE_H
#define CAUSE_H

/* Values of the wire protocol. */
enum cause {
    CAUSE_NONE = 0,
    CAUSE_READY = 1,
    CAUSE_HALF_CLOSE = 2,
    CAUSE_HANG_UP = 3,
    CAUSE_ERROR = 4,
    CAUSE_PORT_CLOSED = 5,
    CAUSE_REMOVED = 6,
    CAUSE_REPLACED = 7,
    CAUSE_REVOKED = 8,
    CAUSE_EXPIRED = 9,
    CAUSE_RESYNC = 11,
};

/* Translates engine events to the cause for one direction. CAUSE_NONE: they do not make it ready. */
enum cause cause_of(unsigned events, int direction);

#endif
