/* slots.h: the process's table of descriptors, counted.
 *
 * Discarding a received descriptor closes it, and the kernel discards when the table has no room: inside recvmsg, where nobody
 * chose to wait. So the broker never reads a connection with fewer free slots than one message can bring (SLOTS_RECEIVE), and refuses to
 * keep what would leave fewer than that and a margin for descriptors on their way to be closed (SLOTS_KEEP). While the margin
 * is in use (not slots_roomy), those who use it are not read and nobody is accepted, so that it lasts for the others. What is refused is
 * closed; so remove, close and the end of a session always get through.
 *
 * What was thrown away lies in the margin as far as it fits there (SLOTS_WASTE): so it takes nothing of what others may keep, however small the
 * table is. More of it is let in only while it leaves room for keeping (slots_may_waste).
 *
 * Everything that takes a slot is counted here by whoever opens or receives it, until it is really closed. */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdbool.h>
#include <stddef.h>

enum { SLOTS_RECEIVE = 253, SLOTS_KEEP = 3 * SLOTS_RECEIVE, SLOTS_WASTE = SLOTS_KEEP - SLOTS_RECEIVE };

struct slots {
    size_t limit;
    size_t used;
    size_t wasted; /* of them, thrown away and not closed yet */
};

/* limit: the process's limit of descriptors; used: what is open before counting begins. */
void slots_init(struct slots *slots, size_t limit, size_t used);

/* What came in or was opened, and what was closed. */
void slots_take(struct slots *slots, size_t n);
void slots_give(struct slots *slots, size_t n);

/* So many of those that are taken are thrown away; and are closed now. */
void slots_waste(struct slots *slots, size_t n);
void slots_give_wasted(struct slots *slots, size_t n);

/* Whether n more that may have to be thrown away can come. */
bool slots_may_waste(const struct slots *slots, size_t n);

/* Whether a message may be received now. */
bool slots_may_receive(const struct slots *slots);

/* Whether that would still be so after another message had brought all that it can. */
bool slots_roomy(const struct slots *slots);

/* Whether n of the descriptors may stay for long: those that are counted already (received) or will be (n more). */
bool slots_may_keep(const struct slots *slots, size_t n_more);

size_t slots_free(const struct slots *slots); /* for keeping */

#endif
