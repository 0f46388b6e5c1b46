/* report.h: the results as a table for people and as one JSON object for programs. */
#ifndef REPORT_H
#define REPORT_H

#include "delay.h"
#include "neighbours.h"
#include "row.h"
#include "watched.h"

#define WATCHED_RATIO_MUST 1.1
#define WATCHED_BYTES_MUST 400.0
#define WATCHED_BYTES_AIM 200.0
#define DELAY_MS_MUST 10.0

enum { BULK_ROWS = 2 };

struct results {
    const char *version; /* of the broker, as it tells */
    int cpu;
    size_t rounds, iterations;
    const struct row *rows;
    size_t n_rows;
    const struct row *pipeline; /* its figures are those of BENCH_DEPTH requests */
    double pipeline_peer;       /* requests a second, 0: unknown */
    const char *pipeline_peer_name;
    const struct row *bulk; /* BULK_ROWS of them; their figures are those of BULK_MIB; NULL: not measured */
    const struct watched *watched; /* these may be NULL: not measured */
    const struct delay *delay;
    const struct neighbours *neighbours; /* NULL: not measured */
};

void report_table(const struct results *results);
/* That section alone, NULL: says why not. */
void report_neighbours(const struct neighbours *neighbours);
void report_json(const struct results *results);

/* How many musts are missed. */
size_t report_missed(const struct results *results);

#endif
