/* round.h: all work is done in rounds. A round reads once, handles the replies, ends overdue requests and sends.
 *
 * portd_process runs one round. Blocking calls and portd_poll repeat round_step, which sleeps and then runs one. Callbacks
 * run only inside a round and in portd_disconnect, one at a time. */
#ifndef ROUND_H
#define ROUND_H

#include "portd.h"

#include <stdint.h>

enum {
    STEP_WORKED = 1, /* something was read or called back */
    STEP_LATE = 2,   /* the deadline has passed, and there was nothing more to read */
    STEP_RAISED = 4  /* portd_wakeup was called; wakeup_take is left to the caller */
};

/* Sleeps until the connection is ready, a wakeup or the deadline, then runs a round. Returns the STEP_* bits that apply;
 * 0: call again. */
unsigned round_step(portd_client *client, int64_t deadline);

#endif
