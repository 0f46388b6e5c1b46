/* round.h: everything is done in rounds: read once, answer what was read, end what is overdue, send what may go.
 *
 * A round is run by portd_process, or after a sleep by round_step, which blocking calls and portd_poll repeat. Callbacks run
 * only inside a round (and in portd_disconnect), one at a time. */
#ifndef ROUND_H
#define ROUND_H

#include "portd.h"

#include <stdint.h>

enum {
    STEP_WORKED = 1, /* something was read or called back */
    STEP_LATE = 2,   /* the deadline has passed, and nothing more had arrived */
    STEP_RAISED = 4  /* portd_wakeup; wakeup_take has not been called */
};

/* Sleeps until there is something or the deadline, and runs a round. */
unsigned round_step(portd_client *client, int64_t deadline);

#endif
