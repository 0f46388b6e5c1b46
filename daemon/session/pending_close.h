/* pending_close.h: an answer that waits until the broker's copy of a descriptor is really closed.
 *
 * remove and close are answered then, and not before: whoever gets the answer finds the other end of the socket or pipe told of it. What is
 * still being made of it and has ended already (pending_create.h) keeps it open no longer than until then.
 * What can fail comes first (pending_close_new), then the act, then pending_close_answer answers or keeps in flight. */
#ifndef PENDING_CLOSE_H
#define PENDING_CLOSE_H

#include "portd.pb-c.h"

struct call;
struct pending_close;
struct descriptor;

/* For that descriptor, NULL: none, and the answer will come at once. result: which member of Reply.result is answered. NULL: the
 * refusal. */
struct pending_close *pending_close_new(struct call *call, struct descriptor *descriptor,
                                        Portd__V1__Reply__ResultCase result);

/* The act is done; the descriptor may be gone. Answers now if it is, or if something still refers to it. Always 0. */
int pending_close_answer(struct call *call, struct pending_close *pending);

#endif
