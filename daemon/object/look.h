/* look.h: what the system tells of a held descriptor, and which of it other holders of the open file have changed since it was put. Nothing here takes
 * or changes anything, but look_listen and look_set_flags. */
#ifndef LOOK_H
#define LOOK_H

#include "inspect.h"
#include "stream.h"

#include <stdbool.h>
#include <stdint.h>

/* Of a descriptor; the last three are those that each holder can change. */
enum look_flag {
    LOOK_READ = 1,
    LOOK_WRITE = 2,
    LOOK_NONBLOCK = 4,
    LOOK_APPEND = 8,
    LOOK_DIRECT = 16,
    LOOK_CHANGING = LOOK_NONBLOCK | LOOK_APPEND | LOOK_DIRECT
};

/* Which members the system has told. */
enum look_known {
    LOOK_KNOWS_FLAGS = 1,
    LOOK_KNOWS_OFFSET = 2,
    LOOK_KNOWS_ACCEPTING = 4,
    LOOK_KNOWS_INPUT = 8,
    LOOK_KNOWS_OUTPUT = 16,
    LOOK_KNOWS_QUEUE = 32
};

/* What can be compared later. The numbers are those of keeper.proto. */
struct look_state {
    unsigned known; /* the first three of look_known */
    unsigned flags;
    uint64_t offset;
    bool accepting; /* of a stream socket: it listens, and can be connected to */
};

/* As Side in portd.proto. */
enum look_side { LOOK_UNKNOWN, LOOK_OPEN, LOOK_SHUT, LOOK_PEER, LOOK_EITHER };

enum { LOOK_PATH = 1024 /* longer ones are not told */ };

struct look {
    struct look_state state; /* all of look_known */
    uint64_t input, output;
    uint32_t queue, queue_limit;
    enum look_side reading, writing;
    struct stream_address local, peer;
    char path[LOOK_PATH]; /* UTF-8 */
};

/* What is poisoned: the bit of Poison in portd.proto. */
enum look_poison {
    LOOK_NOT_LISTENING = 1 << 1,
    LOOK_SHUT_READ = 1 << 2,
    LOOK_SHUT_WRITE = 1 << 3,
    LOOK_FLAGS = 1 << 4,
    LOOK_OFFSET = 1 << 5,
    LOOK_POISONS = 5
};

/* For the loop: asks what takes no lock that a holder can keep. */
void look_begin(os_fd fd, enum inspect_type type, struct look_state *state);

/* For workers: asks for all. */
void look_fill(os_fd fd, enum inspect_type type, struct look *look);

/* Bits of look_poison. What is not known of both times is none. */
unsigned look_poisons(const struct look_state *put, const struct look *now);

/* For workers: a stream socket that was shut down listens again, at the address that it had. 0, a negative errno, or LOOK_E_NO_WAY: no socket of that type can, or it has lost its port.
 * *lost: the port that it lost when that failed before, or 0; likewise after a failure. */
enum { LOOK_E_NO_WAY = 1 };
int look_listen(os_fd fd, enum inspect_type type, uint16_t *lost);

/* For workers: sets those of LOOK_CHANGING as in `flags`. 0, a negative errno, or LOOK_E_NO_WAY. */
int look_set_flags(os_fd fd, unsigned flags);

/* ---- parts of look_unix.c that differ */

/* The offset of a regular file without the lock of its position, or of one behind 4 GiB the lower half of it. False: it is not told. */
bool look_offset(os_fd fd, uint64_t *offset);

/* After a bind(2) of the TCP socket that failed: its address is that sockaddr again, without the port. */
void look_restore_address(os_fd fd, const void *address, size_t size);

/* For workers: what only this system tells. */
void look_more(os_fd fd, enum inspect_type type, struct look *look);

#endif
