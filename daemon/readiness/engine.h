/* engine.h: readiness of foreign descriptors. The contract of every readiness engine (epoll.c, kqueue.c, iocp.c).
 *
 * A watch is one-shot: after engine_wait has reported it, it is disarmed until armed again. Armed with `edge` it stays armed and reports each
 * new activity. Hang-up and error are reported whatever the interest (the system decides which of them a pipe's lost reader is). The engine
 * changes nothing about the descriptor. Armed for ENGINE_HANG_UP alone, with `edge`, it reports hang-ups and errors and nothing else: each time something
 * happens while one holds. Each event carries the watch's token, which must never be reused (an id): an event of a watch that was
 * just disarmed may still be in the same engine_wait. Where there are no edges (ENGINE_HAS_EDGES) `edge` is ENGINE_E_UNSUPPORTED.
 * Call engine_disarm before the descriptor is closed: the kernel's entry belongs to the open file and would outlive the number. */
#ifndef ENGINE_H
#define ENGINE_H

#include "engine_watch.h"
#include "proto/os.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENGINE_READ = 1,
    ENGINE_WRITE = 2,
    ENGINE_INTERESTS = 3,
    ENGINE_HALF_CLOSE = 4,
    ENGINE_HANG_UP = 8,
    ENGINE_ERROR = 16
};

enum {
    ENGINE_E_UNSUPPORTED = 1, /* the file has no poll operation: it is always ready */
    ENGINE_E_CYCLE = 2
}; /* an epoll descriptor that leads back to itself, or nested too deep */

struct engine;

/* The caller owns the watch. A zeroed watch is not armed. An armed watch must not be moved or copied, since it may contain an operation of
 * the system; after engine_disarm it contains none. Only the functions of this file access its members. */

/* The interest it is armed for: ENGINE_READ, ENGINE_WRITE; 0: not armed. */
static inline unsigned engine_watch_interest(const struct engine_watch *watch) { return watch->interest; }

/* Whether it is armed with `edge`. */
static inline bool engine_watch_is_edge(const struct engine_watch *watch) { return watch->edge; }

/* Whether it is armed for ENGINE_HANG_UP alone. Its interest is 0. */
static inline bool engine_watch_is_for_hang_up(const struct engine_watch *watch) { return watch->hang_up; }

/* The owner must call this for each event: the watch is now disarmed, unless it is armed with `edge`. */
static inline void engine_watch_told(struct engine_watch *watch) {
    if (!watch->edge)
        watch->interest = 0;
}

/* Makes it look disarmed, so that the owner arms it again. */
static inline void engine_watch_doubt(struct engine_watch *watch) { watch->interest = 0; }

/* Whether it was made to look so while armed with `edge`. */
static inline bool engine_watch_is_doubted(const struct engine_watch *watch) {
    return watch->edge && !watch->interest && !watch->hang_up;
}

/* For a watch in no engine: notes that another thread has armed (interest 0: disarmed) a watch on the owner's behalf. */
static inline void engine_watch_note(struct engine_watch *watch, unsigned interest, bool edge) {
    watch->interest = interest & ENGINE_INTERESTS;
    watch->edge = interest && edge;
    watch->hang_up = interest == ENGINE_HANG_UP;
}

struct engine_event {
    uint64_t token;
    unsigned events; /* ENGINE_READ to ENGINE_ERROR */
};

struct engine_probe {
    os_fd fd;
    uint8_t interest;
    uint8_t events; /* result: the events that hold now, as in engine_event */
};

struct engine *engine_new(void); /* NULL with errno */
void engine_free(struct engine *engine);
const char *engine_name(void);

/* A descriptor, the engine's, that is readable while engine_wait has events. (On Windows not for what it has to look at: iocp.c.) */
os_fd engine_pollable(const struct engine *engine);

/* Whether the kernel can watch fd, which must not be armed. Does not run the file's poll operation, so it never blocks. */
bool engine_can_watch(struct engine *engine, os_fd fd);

/* Arms the watch for the interest (not 0), replacing an earlier one. If fd is ready already, the next engine_wait reports it. 0, ENGINE_E_*,
 * or a negative errno, also -ENOMEM; on failure nothing has changed. */
int engine_arm(struct engine *engine, struct engine_watch *watch, os_fd fd, unsigned interest, bool edge,
               uint64_t token);

/* For the broker's own descriptors: level-triggered, without a watch. `before` is the interest of the previous call for fd, 0 at first.
 * Interest 0 removes fd, so that not even a hang-up is reported. Returns as engine_arm. */
int engine_keep(struct engine *engine, os_fd fd, unsigned before, unsigned interest, uint64_t token);

/* Disarms the watch and removes fd. Allowed for a watch that is not armed. */
void engine_disarm(struct engine *engine, struct engine_watch *watch, os_fd fd);

/* Gets up to n events, without waiting. Returns how many, or a negative errno. The owner of a token's watch must call engine_watch_told. */
int engine_wait(struct engine *engine, struct engine_event *events, size_t n);

/* The same, but sleeps until there is an event, for timeout_us at most (epoll rounds up to ms; below 0: for ever), or until a signal arrives. */
int engine_sleep(struct engine *engine, struct engine_event *events, size_t n, int64_t timeout_us);

/* Probes up to ENGINE_PROBES descriptors in one call, without waiting. 0 or a negative errno. */
enum { ENGINE_PROBES = 256 };
int engine_probe(struct engine_probe *probes, size_t n);

#endif
