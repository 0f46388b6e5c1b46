/* ready_list.h: readiness that the engine has reported and that has not been delivered yet.
 *
 * In one pass of the loop the engine reports everything that is ready, for all uids. For the first few
 * descriptors of a uid in a pass the subscribers are notified at once. The others go on the uid's ready list
 * and are notified in its turns. The causes are collected in the descriptor (`causes`), so later reports
 * merge into the same entry. descriptor_catch_up delivers them early, before a new wait begins, which must not
 * be woken by an older activity. The entry then stays until its turn, for later reports: a descriptor has at most one. */
#ifndef READY_LIST_H
#define READY_LIST_H

#include <stdbool.h>
#include <stdint.h>

struct descriptor;

enum { READY_LIST_AT_ONCE = 16 /* descriptors of a uid in one pass that are notified at once */ };

typedef void (*ready_list_fn)(struct descriptor *descriptor);

/* Puts a descriptor that is not on its user's ready list there; catch_up is called in a turn of the uid.
 * Returns false if the caller must notify at once: little was reported in this pass, or there is no memory. */
bool ready_list_put(struct descriptor *descriptor, ready_list_fn catch_up);

#endif
