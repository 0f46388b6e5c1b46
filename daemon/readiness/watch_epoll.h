/* watch_epoll.h: struct engine_watch for epoll.c, one byte. The build calls it engine_watch.h on Linux.
 *
 * What every engine's has is interest and edge, which only the functions in engine.h and the engine read and write; the rest is the
 * engine's own. */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct engine_watch {
    uint8_t interest : 2;
    bool edge : 1;
    bool known : 1; /* the kernel has an entry */
};

#endif
