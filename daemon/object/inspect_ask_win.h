/* inspect_ask_win.h: what an object tells of itself, and what only the driver of a file tells. For inspect.h and stream.h.
 *
 * Windows carries out one call at a time on a file that was opened for synchronous I/O: another call on it, any query among them, waits until
 * the holder's own has returned, and that may be a read that waits for bytes. (wine does not imitate this.) So the loop has another thread ask, on
 * a copy of the handle, and does not wait long for it. */
#ifndef INSPECT_ASK_WIN_H
#define INSPECT_ASK_WIN_H

#include "inspect.h"

#include <wchar.h>

enum { INSPECT_NAME_UNITS = 64 };

/* The name of the object's type, such as "File" and "Event". Asks no driver. False: it is not open. */
bool inspect_ask_name(os_fd fd, wchar_t name[INSPECT_NAME_UNITS]);

/* Whether a file is for synchronous I/O, or does not tell. For a worker: it may wait for the file's holders. */
bool inspect_ask_is_synchronous(os_fd fd);

/* Once, before the others: learns the name of the broker's pipe. OS_FD_NONE is allowed. */
void inspect_ask_init(os_fd listener);

/* The type of a file that is no socket. INSPECT_FILE if it is not told in time, or too many threads still ask, all or those of that user. */
enum inspect_type inspect_ask(os_fd fd, os_uid uid);

/* The same for a worker: waits until it is told. */
enum inspect_type inspect_ask_here(os_fd fd);

#endif
