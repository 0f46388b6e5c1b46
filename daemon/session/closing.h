/* closing.h: an answer that waits until the broker's copy of a descriptor is really closed.
 *
 * remove and close are answered then, and not before: whoever gets the answer finds the other end of the socket or pipe told of it. What is
 * still being made of it and has ended already (making.h) keeps it open no longer than until then.
 * What can fail comes first (closing_new), then the act, then closing_settle answers or parks. */
#ifndef CLOSING_H
#define CLOSING_H

#include "portd.pb-c.h"

struct call;
struct closing;
struct descriptor;

/* For that descriptor, NULL: none, and the answer will come at once. result: which member of Reply.result is answered. NULL: the
 * refusal. */
struct closing *closing_new(struct call *call, struct descriptor *descriptor,
                            Portd__V1__Reply__ResultCase result);

/* The act is done; the descriptor may be gone. Answers now if it is, or if something still refers to it. Always 0. */
int closing_settle(struct call *call, struct closing *closing);

#endif
