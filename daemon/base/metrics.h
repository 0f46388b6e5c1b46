/* metrics.h: metrics for the operator: counters, which only grow, and gauges, which are set when metrics are read.
 *
 * metrics.def lists them. The values are a global array; only the loop's thread changes them. */
#ifndef METRICS_H
#define METRICS_H

#include <stdint.h>

/* The values of these two are those of the wire. */
enum metrics_type { METRICS_COUNTER = 1, METRICS_GAUGE = 2, METRICS_INFO = 3 };
enum metrics_unit { METRICS_NONE = 0, METRICS_BYTES = 1, METRICS_MICROSECONDS = 2 };

enum metrics_family {
#define FAMILY(id, type, unit, name, label, help) FAMILY_##id,
#define METRIC(id, family, value)
#include "metrics.def"
#undef FAMILY
#undef METRIC
    METRICS_FAMILIES
};

enum metric {
#define FAMILY(id, type, unit, name, label, help)
#define METRIC(id, family, value) METRIC_##id,
#include "metrics.def"
#undef FAMILY
#undef METRIC
    METRICS
};

/* The description of a family. */
struct metrics_words {
    const char *name;
    enum metrics_type type;
    enum metrics_unit unit;
    const char *label; /* NULL: it has one metric */
    const char *help;
};

extern const struct metrics_words metrics_words[METRICS_FAMILIES];
extern uint64_t metrics_values[METRICS];

enum metrics_family metrics_family(enum metric metric);

/* The value of its family's label; NULL: none. */
const char *metrics_label(enum metric metric);

/* Whether it is a gap (metrics.def), never counted. */
int metrics_is_gap(enum metric metric);

static inline void metrics_add(enum metric metric, uint64_t n) { metrics_values[metric] += n; }
static inline void metrics_set(enum metric metric, uint64_t value) { metrics_values[metric] = value; }

#endif
