/* stream_calls.h: what the ways of stream_work on all Unixes have in common. */
#ifndef STREAM_CALLS_H
#define STREAM_CALLS_H

#include "inspect.h"

/* What stream_work returns for errno after a call on the descriptor. */
int stream_failed(void);

/* What poll(2) reports now. */
short stream_look(os_fd fd, short events);

bool stream_is_datagram(os_fd fd, enum inspect_type type);

#endif
