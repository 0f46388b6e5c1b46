/* watch_kqueue.h: struct engine_watch for kqueue.c, one byte. The build copies it to engine_watch.h on the BSDs and macOS.
 *
 * Every engine's watch has interest, edge and hang_up, which only the engine and the functions of engine.h access; the rest is the engine's. The
 * token is in the engine's table: a knote carries a pointer, which has 32 bits on some processors. */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct engine_watch {
    uint8_t interest : 2;
    bool edge : 1;
    bool hang_up : 1;
    bool known : 1; /* its descriptor's entry in the table is this watch's */
};

enum { ENGINE_HAS_EDGES = 1 };

#endif
