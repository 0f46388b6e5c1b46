/* watch_iocp.h: struct engine_watch for iocp.c. The build copies it to engine_watch.h on Windows.
 *
 * Every engine's watch has interest, edge and hang_up, which only the engine and the functions of engine.h access; the rest is the engine's.
 * ENGINE_HAS_EDGES: whether engine_arm takes `edge`. */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct engine_operation;

struct engine_watch {
    uint8_t interest : 2;
    bool edge : 1;                      /* never: there are no edges */
    bool hang_up : 1;                   /* never, either */
    struct engine_operation *operation; /* the last one; it is the system's while it is pending */
};

enum { ENGINE_HAS_EDGES = 0 };

#endif
