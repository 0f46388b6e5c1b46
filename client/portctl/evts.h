/* evts.h: the events of a wait for descriptors. */
#ifndef EVTS_H
#define EVTS_H

#include "client/portctl/target.h"

/* For what is done before and after a wait: that of the call, and a second from now at least. */
int64_t evts_deadline(const struct invocation *in);

/* 0 if portctl has inherited the descriptors that are named by number, or the exit code of an error that has been printed. */
int evts_check(const struct invocation *in, const struct targets *targets);

/* Sets the ids of all targets, and makes events for the descriptors. Returns 0, or the exit code of an error that has been
 * printed. */
int evts_make(const struct invocation *in, portd_client *client, struct targets *targets);

/* Removes all events that were made. Returns 1 or the first PORTD_E_*. */
int evts_remove(const struct invocation *in, portd_client *client, struct targets *targets);

#endif
