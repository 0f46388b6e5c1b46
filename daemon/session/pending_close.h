/* pending_close.h: a reply that waits until the broker's copy of a descriptor is really closed.
 *
 * remove and close are answered only then: a client that has the reply knows that the peer of the socket or pipe sees the end. A
 * pending create on the descriptor (pending_create.h) that has ended does not keep it open longer. Order: pending_close_new,
 * which can fail; then the removal; then pending_close_answer. */
#ifndef PENDING_CLOSE_H
#define PENDING_CLOSE_H

#include "portd.pb-c.h"

struct call;
struct pending_close;
struct descriptor;

/* Makes the record. descriptor: NULL: none; the reply will come at once. result: the member of Reply.result. Returns NULL and the
 * refusal on failure. */
struct pending_close *pending_close_new(struct call *call, struct descriptor *descriptor,
                                        Portd__V1__Reply__ResultCase result);

/* After the removal; the descriptor may be gone. Replies now if it is gone or still referred to; else when it is closed. Always
 * 0. */
int pending_close_answer(struct call *call, struct pending_close *pending);

#endif
