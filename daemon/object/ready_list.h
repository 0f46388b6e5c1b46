/* ready_list.h: what the engine has told of, and is not done yet.
 *
 * The engine tells of everything that is ready in one pass of the loop, for all uids. What comes of it is done at once for the first few of
 * each uid in a pass, and is noted for the others: they are done in the turns of that uid. Noted is what it was told for, in the descriptor
 * (`news`), so what was told while the note waits comes to the same one; descriptor_catch_up does it before somebody begins to wait, who
 * would be told of what was before. The note stays until its turn also then, for what is told next: a descriptor has one at a time. */
#ifndef READY_LIST_H
#define READY_LIST_H

#include <stdbool.h>
#include <stdint.h>

struct descriptor;

enum { READY_LIST_AT_ONCE = 16 /* of a uid, in a pass */ };

typedef void (*ready_list_fn)(struct descriptor *descriptor);

/* Notes that the descriptor, which is not noted, has news, so that catch_up is called, unless there is little in this pass. False: there is,
 * or no memory, and it is to be done at once. */
bool ready_list_put(struct descriptor *descriptor, ready_list_fn catch_up);

#endif
