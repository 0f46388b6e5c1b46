/* resume.h: the client goes on with the next broker, which knows its session (feature "resume"). */
#ifndef RESUME_H
#define RESUME_H

#include "portd.h"

#include <stdbool.h>

/* The connection is lost: connects again, and says hello with the session's token. Requests that were sent are sent again if they may be,
 * once that is answered; the others are ended. False: there is nothing to go on with. */
bool resume_begin(portd_client *client);

#endif
