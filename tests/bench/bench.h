/* bench.h: shared by the files of the benchmark: the clock, samples, and how to give up.
 *
 * A side is a program that can do the work of a row: the floor, portd, a peer. It does it n times and writes how long each took.
 * The preparation and clean-up of a row are done inside `run` and are not in the samples. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

enum { BENCH_DEPTH = 64 }; /* requests in flight of the row pipeline64 */

/* Does the work n times; us[i] is what the i-th took, in microseconds. Whatever fails ends the program. */
typedef void bench_run(void *subject, double *us, size_t n);

struct side {
    const char *name; /* NULL: nobody */
    bench_run *run;
    void *subject;
};

/* What a figure must not be above, in the two builds that have musts; 0: none. */
struct must {
    double profiled; /* release-pgo */
    double plain;    /* every other */
};

double bench_now(void); /* microseconds, monotonic */

/* The build that is measured: library, broker and this program are of one. */
const char *bench_build(void);
double bench_must(struct must must); /* that of this build */

/* Says what failed, with errno when that is not 0, ends every process that was started, and exits with 1. */
_Noreturn void bench_fail(const char *what);

#endif
