/* watch_epoll.h: struct engine_watch for epoll.c, one byte. The build copies it to engine_watch.h on Linux.
 *
 * Every engine's watch has interest, edge and hang_up, which only the engine and the functions of engine.h access; the rest is the engine's.
 * ENGINE_HAS_EDGES: whether engine_arm takes `edge`. */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct engine_watch {
    uint8_t interest : 2;
    bool edge : 1;
    bool hang_up : 1;
    bool known : 1; /* the kernel has an entry */
};

enum { ENGINE_HAS_EDGES = 1 };

#endif
