/* news.h: what the engine has told of, and is not done yet.
 *
 * The engine tells of everything that is ready in one pass of the loop, for all uids. What comes of it is done at once for the first few of
 * each uid in a pass, and is noted for the others: they are done in the turns of that uid. Noted is what it was told for, in the descriptor
 * (`news`), so what was told while the note waits comes to the same one; descriptor_catch_up does it before somebody begins to wait, who
 * would be told of what was before. */
#ifndef NEWS_H
#define NEWS_H

#include <stdbool.h>
#include <stdint.h>

struct descriptor;
struct registry;

enum { NEWS_AT_ONCE = 16 /* of a uid, in a pass */ };

/* Of that id, whose descriptor may have gone. */
typedef void (*news_fn)(struct registry *registry, uint64_t id);

/* Notes that the descriptor has news, so that catch_up is called, unless there is little in this pass. False: there is, or no memory, and it
 * is to be done at once. */
bool news_put(struct descriptor *descriptor, news_fn catch_up);

#endif
