/* offender.h: one uid at its quotas: what its process does to the broker while another client's pings are timed.
 *
 * An offence is a function that runs in a process of its own, as another uid. It prepares what it needs, reports by
 * offender_begin, and goes on until offender_goes_on returns false. It speaks bytes (tests/support/client_raw.h) and accepts any
 * reply of the broker: a refusal is no failure, since the broker decides what a uid may have. Sizes are those of the quotas with
 * 20,000 open files, divided by the share that the run was started with. */
#ifndef OFFENDER_H
#define OFFENDER_H

#include "tests/support/client_raw.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OFFENDER_ENTRIES = 600000 };

struct offender {
    const char *address;
    size_t share;
    double seconds;
    int told;     /* a pipe: how many it has made, once it begins */
    double until; /* bench_now */
};

struct offence {
    const char *name;
    const char *what; /* what is counted in the row's n */
    void (*commit)(struct offender *offender);
    bool kernel; /* the kernel works in the broker's call: measured, and no must */
    bool
        anew; /* a ping is one on a connection and in a session of its own: both are made, and closed again */
};

extern const struct offence offences[];
extern const size_t n_offences;

/* In a new process: everything, from becoming that uid on. Does not return. */
_Noreturn void offender_run(struct offender *offender, const struct offence *offence, unsigned uid);

/* ---- for offences --------------------------------------------------------------------------------------------------- */

/* A number as it is, or its share of it, at least 1. */
size_t offender_size(const struct offender *offender, size_t n);

/* The setting up is done; n is for the report. The time runs from here. */
void offender_begin(struct offender *offender, size_t n);
bool offender_goes_on(const struct offender *offender);

/* Connects, with a session of its own or in that of another. False: turned away. */
bool offender_open(const struct offender *offender, struct raw *raw);
bool offender_join(const struct offender *offender, struct raw *raw, const struct raw *other);

void offender_pipe(int ends[2]); /* neither end blocks */

/* An event of the reading end of a pipe, 0: refused. */
uint64_t offender_evt(struct raw *raw, int fd, int64_t number);

/* Ports of fd, all under that number, until n are made or one is refused. ids may be NULL, and so may name. How many. */
size_t offender_wrap(struct raw *raw, int fd, int64_t number, const char *name, uint64_t *ids, size_t n);

/* Requests that are sent again and again, those of a round once all of the round before are answered. Replies are counted and thrown away. */
struct feed {
    int fd;
    uint8_t *bytes;
    size_t size, room, at;
    size_t requests, unanswered;
    uint8_t header[RAW_HEADER];
    size_t got;  /* bytes of that header */
    size_t body; /* bytes of this reply that are still to come */
    bool ended;
};

void feed_init(struct feed *feed, const struct raw *raw);
void feed_add(struct feed *feed, raw_request *request); /* gives it an id */
void feed_free(struct feed *feed);

/* Sends and reads what it can without waiting. True: all of a round was answered; the next begins with the next call. */
bool feed_turn(struct feed *feed);

/* Sends a round of what is not answered. Gives up when the broker takes nothing more for half a second. */
void feed_park(struct feed *feed);

/* Turns until the round is answered, or the time is over, or the connection. */
void feed_round(const struct offender *offender, struct feed *feed);

/* A wait for ids. limit_us below 0: none. */
void feed_add_wait(struct feed *feed, uint64_t *ids, size_t n, bool all, int64_t limit_us);
void feed_add_ping(struct feed *feed);

/* ---- what offences there are ------------------------------------------------------------------------------------------ */

typedef void offence_commit(struct offender *offender);

offence_commit offence_wraps, offence_wait_all, offence_waiters, offence_timers, offence_parked_reads,
    offence_error_queue; /* offence_waits_linux.c */
offence_commit offence_lists, offence_refusals, offence_session_end, offence_monitors,
    offence_unread; /* offence_requests_linux.c */
offence_commit offence_turns, offence_pings, offence_fields, offence_discards, offence_log, offence_connects,
    offence_entries; /* offence_sockets_linux.c */

#endif
