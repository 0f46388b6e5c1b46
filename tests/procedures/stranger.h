/* stranger.h: clients of another uid, each in a child process that changes its uid. Needs root. */
#ifndef STRANGER_H
#define STRANGER_H

#include "tests/support/fixture.h"

enum { STRANGER_CANNOT = 100 }; /* how a child ends that cannot become somebody else */

/* Starts a broker for everybody. False: this machine cannot be somebody else. */
bool stranger_broker(struct fixture *broker);

/* In a child: becomes that uid, for good, and connects. options may be NULL; code too, else it gets what portd_connect answers. NULL: not
 * connected. */
portd_client *stranger_connect(const struct fixture *broker, uid_t uid, const portd_options *options,
                               int *code);

#endif
