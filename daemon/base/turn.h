/* turn.h: whose turn it is, so that nobody pays for the work of another.
 *
 * What a client can cause is done by tasks. Each uid has a lane, in which its tasks wait in their order, and the lanes take turns: a turn
 * runs tasks of one lane until they have spent TURN_UNITS. A step of a task does a little, counts it with turn_spend, stops when
 * turn_is_over, and puts the task into its lane again if there is more to do. So however much one uid has to be done, another waits for
 * one turn of each lane that has any.
 *
 * A unit is about a microsecond: what one short request costs, or one object of many that a request names. What the kernel does within
 * a call cannot be cut into steps: a lane that kept the thread far beyond its units (TURN_LONG_US of the thread's own time, and
 * TURN_UNIT_MOST_US for each unit) sits out TURN_REST times as long. */
#ifndef TURN_H
#define TURN_H

#include "ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TURN_UNITS = 256,
    TURN_LONG_US = 8000,
    TURN_UNIT_MOST_US = 10,
    TURN_REST = 100,
    TURN_REST_MOST_US = 5000000
};

struct turns;

struct task {
    void (*step)(struct task *task);
    struct ring node; /* private: in its lane, while it is queued */
};

struct lane {
    struct turns *turns;
    struct ring tasks;
    struct ring node;   /* in turns->lanes or turns->resting, while it has tasks */
    int64_t rest_until; /* 0: it does not rest */
};

struct turns {
    struct ring lanes;   /* that have tasks, the next one first */
    struct ring resting; /* that have tasks and sit out */
    struct lane *last;   /* whose turn it was; NULL: it is no more */
    int left;            /* units of this turn */
    unsigned rounds;     /* so far */
    int64_t tick;        /* coarse time at the beginning of the last turn */
    int64_t spent;       /* the thread's own time at the first turn of that tick */
};

void turns_init(struct turns *turns);

void lane_init(struct lane *lane, struct turns *turns);
void lane_deinit(struct lane *lane); /* asserts that it has no tasks */

/* Behind the lane's other tasks. Nothing happens if it is queued already. */
void turn_queue(struct lane *lane, struct task *task);

/* The task is not run unless it is queued again. */
void turn_forget(struct task *task);

static inline bool turn_is_queued(const struct task *task) { return ring_has(&task->node); }

static inline void turn_spend(struct turns *turns, size_t units) { turns->left -= (int)units; }

static inline bool turn_is_over(const struct turns *turns) { return turns->left <= 0; }

static inline bool turns_have_work(const struct turns *turns) { return !ring_is_empty(&turns->lanes); }

/* One turn for each lane that had tasks when it began; after(context) follows each. True: there is more to do at once. */
bool turns_round(struct turns *turns, void (*after)(void *context), void *context);

/* When a lane that rests comes back (os_now_us); INT64_MAX: none rests. */
int64_t turns_rest(struct turns *turns);

/* Runs tasks of all lanes, also of those that rest, until there are none: for the end of the broker. */
void turns_finish(struct turns *turns);

#endif
