/* growth_waits.h: waits for one event that stay in flight, while some more are added or one of them is woken. Each bench_run is
 * on a struct queue. */
#ifndef GROWTH_WAITS_H
#define GROWTH_WAITS_H

#include "bench.h"

#include <stdbool.h>

struct broker;
struct queue;

/* n waits of another session; one: of those of which an activity answers one. */
struct queue *queue_new(const struct broker *broker, size_t n, bool one);
void queue_free(struct queue *queue);

bench_run queue_park;     /* the mean of 16 that are sent together, until a ping behind them is answered */
bench_run queue_wake_one; /* a byte into the pipe, until the callback of one wait; its place is taken again */

#endif
