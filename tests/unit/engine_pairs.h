/* engine_pairs.h: the pairs of test_engine.c, and what it does with them. On Unix engine_pairs.c, on Windows engine_pairs_win.c. */
#ifndef ENGINE_PAIRS_H
#define ENGINE_PAIRS_H

#include "engine_case.h"

/* Never open. */
extern const os_fd pair_closed;

/* What a stream tells when the other end has been closed. */
extern const unsigned pair_stream_gone;

void pair_of_pipe(struct pair *pair);
void pair_of_stream(struct pair *pair); /* both ways, and where there are such: not TCP */
void pair_of_tcp(struct pair *pair);

/* Writes to an end until there is no room. */
void pair_fill(os_fd fd);

/* Reads what excite_by_writing has written once. */
void pair_take(os_fd fd);

/* The other end closes its direction; returns when the first end has got it. */
void pair_shut(const struct pair *pair);

/* The other end of a TCP connection resets it and is closed. */
void pair_reset(struct pair *pair);

/* Waits until something has come, and returns whether the socket has that error to tell. It has not afterwards. */
bool pair_was_reset(os_fd fd);

/* Files on a disk. */
enum { PAIR_FILES = 2 };
void pair_files(os_fd files[PAIR_FILES]);

/* Whether the engine's own descriptor is readable, now or after some waiting. */
bool pair_engine_is_readable(const struct engine *one, bool wait);
bool pair_is_inherited(os_fd fd);

#endif
