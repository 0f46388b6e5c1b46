/* turn.h: fair scheduling of the loop's thread among uids.
 *
 * All work that a client can cause is done by tasks. Each uid has a lane, a FIFO of its tasks, and the lanes take turns: a turn runs tasks of
 * one lane until they have spent TURN_UNITS. A step of a task does a little, counts it with turn_spend, stops when turn_is_over, and queues
 * the task again if there is more to do. So however much work one uid has, another waits at most for one turn of each lane with tasks.
 *
 * A unit is about a microsecond: the cost of one short request, or of one of many objects that a request names. A system call cannot be cut
 * into steps: a lane that has used far more CPU time in the kernel than its units stand for (more than TURN_LONG_US, plus TURN_UNIT_MOST_US per unit)
 * owes TURN_REST times as much, and time passing pays that. The lane rests meanwhile: if it owed nothing before, at most TURN_REST_FIRST_US,
 * because a machine can be slow once; else until all is paid. So such a lane gets 1 / TURN_REST of the time, and one late turn costs it a quarter
 * of a second at most. At most TURN_REST_MOST_US is owed. Where it was a call that turn_cut_if_long follows, the turn also ends there.
 *
 * A call that passes or receives descriptors may have waited for a lock of the kernel that anybody can keep, and the broker cannot tell. What such
 * calls took is set apart: if the rest of the turn was long, it is charged as well; else the lane rests TURN_REST_APART times as long, so that it has
 * a fifth of the time at most, and nothing is remembered.
 *
 * A lane that rests still has turns for tasks that give back: the end of a session or of a connection. The kernel's time that they take is
 * owed like any other. They make nothing, or only what can end (a connection), so what a uid has bounds what they cost.
 *
 * What is owed outlives the tasks, and must outlive the objects of the uid: the owner of a lane keeps it while lane_owes. */
#ifndef TURN_H
#define TURN_H

#include "proto/os.h"
#include "ring.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TURN_UNITS = 256,
    TURN_LONG_US = 8000,
    TURN_UNIT_MOST_US = 10,
    TURN_REST = 200,
    TURN_REST_APART = 4,
    TURN_REST_FIRST_US = 250000
};

#define TURN_REST_MOST_US INT64_C(3600000000)

struct turns;

struct task {
    void (*step)(struct task *task);
    struct ring node; /* private: in its lane while it is queued */
    bool gives; /* it only gives back, so it does not wait for the end of a rest; set before it is queued */
};

struct lane {
    struct turns *turns;
    struct ring tasks;
    struct ring giving; /* while it rests: those of its tasks that give back */
    struct ring node;   /* in turns->lanes or turns->resting while it has tasks */
    int64_t rest_until; /* os_now_us; 0: its tasks are in one queue. May be over: lane_rests */
    int64_t owes_until; /* os_now_us: when all is paid */
};

struct turns {
    struct ring lanes;   /* with tasks that may run, the next one first */
    struct ring resting; /* with other tasks only, until their rest is over */
    int64_t rests_until; /* os_now_us: when all rests so far are over; 0: they are */
    struct lane *last;   /* whose turn it is; NULL: none, or it is gone */
    int left;            /* units of this turn; outside of turns, all but those spent since the last one */
    int64_t units;       /* of the turns before it since `spent` was read */
    bool cut;            /* this one is over, whatever is left */
    int64_t apart;       /* us of it that turn_set_apart has found */
    void (*rested)(struct lane *lane, int64_t cost_us,
                   int64_t rest_us); /* a rest begins; NULL: nothing is called */
    unsigned rounds;                 /* so far */
    int64_t tick;                    /* coarse clock when `spent` was read */
    int64_t spent;                   /* the thread's CPU time, us */
    int64_t kernel;                  /* of it, in the kernel */
};

void turns_init(struct turns *turns);

void lane_init(struct lane *lane, struct turns *turns);
void lane_deinit(struct lane *lane); /* asserts that it has no tasks */

/* Whether its tasks wait until its rest is over, except those that give back. */
static inline bool lane_rests(const struct lane *lane) {
    return lane->rest_until && lane->rest_until > os_now_us();
}

/* Whether a long turn of it is not paid yet, or it rests. */
bool lane_owes(const struct lane *lane);

/* Queues the task after the lane's other tasks. Does nothing if it is queued already. */
void turn_queue(struct lane *lane, struct task *task);

/* From now on the task gives back. Queues it if it is not queued. */
void turn_give(struct lane *lane, struct task *task);

/* Removes the task from its lane, if it is queued. */
void turn_forget(struct task *task);

static inline bool turn_is_queued(const struct task *task) { return ring_has(&task->node); }

static inline void turn_spend(struct turns *turns, size_t units) { turns->left -= (int)units; }

/* The same outside of turns, for what turn_charge charges next. */
static inline void turn_count(struct turns *turns, size_t units) { turns->units += (int64_t)units; }

static inline bool turn_is_over(const struct turns *turns) { return turns->left <= 0 || turns->cut; }

/* After a system call that may have been long: if so, by the coarse clock, the turn is over. */
void turn_cut_if_long(struct turns *turns);

/* After a system call of the turn that has passed or received descriptors: if it was long, as turn_charge finds, sets apart what the thread has
 * done since the clocks were read, and ends the turn. The next turn_charge is told by that. */
void turn_set_apart(struct turns *turns);

/* Charges the lane (NULL: nobody) for what the thread has done since the clocks were read, turns->units and this turn's units. Returns whether
 * that took long by the coarse clock. turns_round does it after each turn; it is called before and after what is done for another lane. */
bool turn_charge(struct turns *turns, struct lane *lane);

static inline bool turns_have_work(const struct turns *turns) { return !ring_is_empty(&turns->lanes); }

/* Gives one turn to each lane that has tasks when it begins, and calls after(context) after each. True: lanes that do not rest have tasks. */
bool turns_round(struct turns *turns, void (*after)(void *context), void *context);

/* When the first rest is over (os_now_us); INT64_MAX: no lane has tasks that wait for that. */
int64_t turns_rest(struct turns *turns);

/* Runs all tasks, also of lanes that rest, until none is left: for the end of the broker. */
void turns_finish(struct turns *turns);

#endif
