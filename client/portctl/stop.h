/* stop.h: ending in order by SIGINT, SIGTERM or SIGHUP, so that what was read and not written is put back or told. */
#ifndef STOP_H
#define STOP_H

#include "client/portd.h"

enum { STOP_LIMIT = -1 };

/* Called once, before the others: from now on these signals, unless they are ignored, do not end portctl but are kept. They, and the deadline,
 * interrupt system calls of the first thread; they also interrupt the blocking call of `client`. A second signal, not sent along with the first,
 * ends portctl at once. */
void stop_begin(int64_t deadline, portd_client *client);

/* The same for the deadline alone, between the two calls. After stop_begin, or without a deadline, they do nothing. errno is kept. */
void stop_timer_start(int64_t deadline);
void stop_timer_end(void);

/* So much later what waits in the first thread is ended as by a signal, unless one has come by then: stop_asked is STOP_LIMIT. For a second thread, once,
 * after stop_begin. */
void stop_after(int64_t us);

/* The signal that came, or STOP_LIMIT; 0: none. From then on nothing waits: what would is ended with FLOW_STOPPED. */
int stop_asked(void);

/* From now on they interrupt the blocking call of this client instead. */
void stop_use_client(portd_client *client);

/* Called before the client is disconnected. */
void stop_leave_client(void);

/* Ends portctl by the signal that came; returns if none has. */
void stop_raise(void);

#endif
