/* engine.h: is a foreign descriptor readable or writable. The contract of every readiness engine (epoll.c).
 *
 * A watch is armed once for each answer: after engine_wait has told of it, it is silent until armed again.
 * Armed with `edge` it stays armed and tells of each new activity. Hang-up and error are told whatever the
 * interest. Nothing about the descriptor is changed. The token comes back with each answer and must stay
 * meaningless when its owner is gone (an id that is never used again): an answer that was under way when a
 * watch was disarmed may still come in the same engine_wait. engine_disarm comes before the descriptor is
 * closed: the kernel's entry belongs to the open file and would outlive it. */
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
    ENGINE_E_UNSUPPORTED = 1, /* the kernel cannot watch such a descriptor: it is always ready */
    ENGINE_E_CYCLE = 2
}; /* an epoll descriptor that leads back to itself, or nested too deep */

struct engine;

/* A watch is the caller's memory. One of zeros is not armed. While it is armed it is the engine's, which may have an operation of the
 * system's in it: it is neither moved nor copied. What of that outlasts engine_disarm is not in it. What a watch has in it is told and
 * changed by these functions alone. */

/* What it is armed for: ENGINE_READ, ENGINE_WRITE; 0: it is silent. */
static inline unsigned engine_watch_interest(const struct engine_watch *watch) { return watch->interest; }

/* It is armed by edges. */
static inline bool engine_watch_is_edge(const struct engine_watch *watch) { return watch->edge; }

/* By whoever was told of its token: it is silent from now on, unless it is armed by edges. */
static inline void engine_watch_told(struct engine_watch *watch) {
    if (!watch->edge)
        watch->interest = 0;
}

/* Looks as if it were not armed, so that it will be armed again. */
static inline void engine_watch_doubt(struct engine_watch *watch) { watch->interest = 0; }

/* Of one that no engine has: looks as if it were armed, or with interest 0 not. For whoever has somebody else arm another one. */
static inline void engine_watch_note(struct engine_watch *watch, unsigned interest, bool edge) {
    watch->interest = interest & ENGINE_INTERESTS;
    watch->edge = interest && edge;
}

struct engine_event {
    uint64_t token;
    unsigned events; /* the five bits above */
};

struct engine_probe {
    os_fd fd;
    uint8_t interest;
    uint8_t events; /* answer: the bits that hold now, as poll(2) says */
};

struct engine *engine_new(void); /* NULL with errno */
void engine_free(struct engine *engine);
const char *engine_name(void);

/* Becomes readable when engine_wait has something to tell. */
os_fd engine_pollable(const struct engine *engine);

/* Whether the kernel has a way to watch such a descriptor; what lies behind it is not asked, so this waits for nobody. Not for one that
 * is armed. */
bool engine_can_watch(struct engine *engine, os_fd fd);

/* Arms for the interest (not 0), replacing what was armed. 0, ENGINE_E_*, or a negative errno, also -ENOMEM; then nothing
 * has changed. What is ready already is told by the next engine_wait. */
int engine_arm(struct engine *engine, struct engine_watch *watch, os_fd fd, unsigned interest, bool edge,
               uint64_t token);

/* For descriptors of the broker's own: tells of the interest again and again for as long as it holds.
 * `before` is the interest of the last call for that fd, 0 at first. Interest 0: silent and forgotten, a
 * hang-up too. Answers as engine_arm. */
int engine_keep(struct engine *engine, os_fd fd, unsigned before, unsigned interest, uint64_t token);

/* Silent and forgotten. */
void engine_disarm(struct engine *engine, struct engine_watch *watch, os_fd fd);

/* Up to n answers, without waiting. Returns how many, or a negative errno. The engine sees only tokens here:
 * whoever owns the watch that a token stands for calls engine_watch_told. */
int engine_wait(struct engine *engine, struct engine_event *events, size_t n);

/* The same, but if there is nothing to tell it sleeps until there is, for timeout_us at most (rounded up;
 * below 0: for ever), or until a signal comes. */
int engine_sleep(struct engine *engine, struct engine_event *events, size_t n, int64_t timeout_us);

/* Looks at up to ENGINE_PROBES descriptors at once, without waiting. 0 or a negative errno. */
enum { ENGINE_PROBES = 256 };
int engine_probe(struct engine_probe *probes, size_t n);

#endif
