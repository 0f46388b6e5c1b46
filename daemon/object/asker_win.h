/* asker_win.h: how much a user may have asked of files that others are using (inspect_ask_win.h), so that nobody takes the threads and the loop's patience
 * from other users.
 *
 * There are ASKER_THREADS, a quarter of them for one user at most. The loop's waits for answers come out of an allowance of the user for whom it waits:
 * ASKER_STALL_US at once, and a hundredth of the time for long. */
#ifndef ASKER_WIN_H
#define ASKER_WIN_H

#include "proto/os.h"

#include <stdbool.h>
#include <stdint.h>

enum { ASKER_THREADS = 32, ASKER_THREADS_OF_USER = ASKER_THREADS / 4, ASKER_STALL_US = 1000000 };

struct asker;

/* One more thread asks for that user. now: os_now_us. NULL: all do already, or all that it may have. From the loop, as all but asker_leave. */
struct asker *asker_enter(os_uid uid, int64_t now);

/* That thread does no more. The asker is not to be used afterwards. From any thread. */
void asker_leave(struct asker *asker);

/* Whether the loop may still wait for the user's files. */
bool asker_may_wait(const struct asker *asker);

/* The loop has waited so long, in us, between asker_enter and the next one. */
void asker_waited(struct asker *asker, int64_t us);

#endif
