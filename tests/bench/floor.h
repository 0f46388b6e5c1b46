/* floor.h: the least that the kernel charges: a server that waits in epoll_wait on a Unix stream socket and
 * a pipe, without protocol, memory or checks, in a process of its own. Each function is a bench_run on a
 * struct floor. */
#ifndef FLOOR_H
#define FLOOR_H

#include "bench.h"

struct floor;

struct floor *floor_start(void);
void floor_end(struct floor *floor);

bench_run floor_rtt; /* 32 bytes there, 32 bytes back */
bench_run floor_put; /* with an eventfd there, which the server compares with one that it has, and closes */
bench_run floor_get; /* with an eventfd back, which the client closes */
bench_run floor_hold_put; /* with an eventfd there, which the server keeps and sends on to a third process */
bench_run floor_wake;     /* a byte into the pipe, 32 bytes from the server that has read it */
bench_run
    floor_wake_handle; /* a byte into the pipe, an eventfd that the server writes becomes readable for poll */
bench_run floor_pipeline; /* BENCH_DEPTH requests in one write, echoed together */

#endif
