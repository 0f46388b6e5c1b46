/* report.h: the results as a table for people and as one JSON object for programs. */
#ifndef REPORT_H
#define REPORT_H

#include "delay.h"
#include "ending.h"
#include "growth.h"
#include "neighbours.h"
#include "row.h"
#include "watched.h"

#define WATCHED_RATIO_MUST 1.1
#define WATCHED_BYTES_MUST 230.0
#define WATCHED_BYTES_AIM 200.0
#define DELAY_MS_MUST 10.0
#define ENDING_MS_MUST 20.0
#define BULK_MUST 0.6 /* of socat */

enum { BULK_HANDOVER, BULK_THROUGH, BULK_ROWS };

struct results {
    const char *version; /* of the broker, as it tells */
    int cpu;
    size_t rounds, iterations;
    const struct row *rows;
    size_t n_rows;
    const struct row *pipeline; /* its figures are those of BENCH_DEPTH requests */
    double pipeline_peer;       /* requests a second, 0: unknown */
    const char *pipeline_peer_name;
    /* From here on NULL: not measured. */
    const struct row *
        bulk; /* BULK_ROWS of them; their figures are those of BULK_MIB; their base is socat if it is there */
    const struct watched *watched;
    const struct growth *growth;
    const struct ending *ending;
    const struct delay *delay;
    const struct neighbours *neighbours;
};

void report_table(const struct results *results);
/* That section alone, NULL: says why not. */
void report_neighbours(const struct neighbours *neighbours);
void report_json(const struct results *results);

/* How many musts are missed. */
size_t report_missed(const struct results *results);

#endif
