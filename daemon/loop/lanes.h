/* lanes.h: the scheduling of offload.h, without its threads. The caller serializes all calls.
 *
 * A lane runs one job at a time: a uid has one lane for its quick jobs and one for its slow ones. Waiting jobs are chained behind the first
 * job of their lane, the head. The queue contains the heads of lanes that run nothing; the seat of a running job keeps the chain of its
 * lane. All links are in the jobs, so nothing here allocates or fails.
 *
 * A head whose uid runs nothing goes first: so no uid gets a second worker while another waits for its first. A seat whose job has run for
 * long is `held`: it no longer counts as one of the workers, nor against its uid. Seats are scarce when fewer than OFFLOAD_WORKERS +
 * LANES_KEPT are not held: these are for jobs of the broker itself (closes), of uids that have no seat. */
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
    size_t top; /* seats from this index were never used */
    size_t busy, held, stuck;
    struct offload_job *first, *last; /* the queue of heads */
    size_t heads;
    uint16_t running[LANES_UIDS]; /* jobs that run and are not held, by uid modulo LANES_UIDS */
};

/* Adds a job, or a chain of them, after the jobs of the same lane. */
void lanes_put(struct lanes *lanes, struct offload_job *chain);

/* How many heads may run now. */
size_t lanes_waiting(const struct lanes *lanes);

/* Moves the next job to the free seat. lanes_waiting must not be 0. now: os_now_us. */
void lanes_take(struct lanes *lanes, struct seat *seat, int64_t now);

/* Frees the seat, whose job has ended, and queues the jobs that waited for it. Returns the job. */
struct offload_job *lanes_finish(struct lanes *lanes, struct seat *seat);

/* Marks the seat held: its job has run for long, so another worker may replace it. */
void lanes_hold(struct lanes *lanes, struct seat *seat);

/* Marks the seat stuck (and held): other jobs of its lane no longer wait for it, unless too many of them are stuck. */
void lanes_stick(struct lanes *lanes, struct seat *seat);

bool lanes_are_scarce(const struct lanes *lanes);

/* Whether a job of the uid runs. */
bool lanes_seat_of(const struct lanes *lanes, os_uid uid);

#endif
