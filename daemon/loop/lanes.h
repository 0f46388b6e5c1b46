/* lanes.h: which job is next, and who has to wait behind whom: the order of offload.h, without its threads.
 *
 * A lane is what has one job running at a time: the quick ones of a uid, or its others. Waiting jobs are chained behind the first one of
 * their lane, the head. Heads of lanes that have nothing running stand in the queue; the chain of a lane that has a job running is kept
 * by that job's seat. All links are in the jobs, so nothing here needs memory or fails.
 *
 * Of the heads, one whose uid has nothing running goes first: so a uid has no second worker while another one waits for its first. A
 * seat whose job has run for long is `held`: it is no longer counted as one of the workers, nor as its uid's. When LANES_SEATS less
 * LANES_KEPT are held, seats are scarce: what is left is for the broker's own jobs (closes), of uids that hold up no seat. */
#ifndef LANES_H
#define LANES_H

#include "offload.h"

enum { LANES_SEATS = OFFLOAD_THREADS, LANES_KEPT = 16, LANES_UIDS = 1024, LANES_LOOK = 64 };

struct seat {
    struct offload_job *job;   /* running, or NULL */
    struct offload_job *chain; /* waiting jobs of its lane, or NULL */
    uint64_t lane;
    int64_t started;
    bool held, stuck;
};

struct lanes {
    struct seat seats[LANES_SEATS];
    size_t top; /* seats from here on were never used */
    size_t busy, held, stuck;
    struct offload_job *first, *last; /* the queue of heads */
    size_t heads;
    uint16_t running
        [LANES_UIDS]; /* jobs that run and are not held, by uid; others of the same remainder count as well */
};

/* One job or a chain of them, behind those of the same lane. */
void lanes_put(struct lanes *lanes, struct offload_job *chain);

/* How many heads could be taken now. */
size_t lanes_waiting(const struct lanes *lanes);

/* The next one sits down. Something must be waiting. */
void lanes_take(struct lanes *lanes, struct seat *seat, int64_t now);

/* Its job is over; what waited behind it goes on. The job. */
struct offload_job *lanes_finish(struct lanes *lanes, struct seat *seat);

/* It has run for long: somebody else may take its place. */
void lanes_hold(struct lanes *lanes, struct seat *seat);

/* It is stuck: its uid's other jobs need no longer wait for it, unless too many of them are. */
void lanes_stick(struct lanes *lanes, struct seat *seat);

bool lanes_are_scarce(const struct lanes *lanes);

/* Whether that uid has a seat. */
bool lanes_seat_of(const struct lanes *lanes, os_uid uid);

#endif
