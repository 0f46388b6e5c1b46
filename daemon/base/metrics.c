/* metrics.c: the tables made from metrics.def, and the values. */
#include "metrics.h"

#include <stddef.h>

uint64_t metrics_values[METRICS];

const struct metrics_words metrics_words[METRICS_FAMILIES] = {
#define FAMILY(id, type, unit, name, label, help)                                                            \
    [FAMILY_##id] = {name, METRICS_##type, METRICS_##unit, label, help},
#define METRIC(id, family, value)
#include "metrics.def"
#undef FAMILY
#undef METRIC
};

static const struct {
    enum metrics_family family;
    const char *label;
} rows[METRICS] = {
#define FAMILY(id, type, unit, name, label, help)
#define METRIC(id, family, value) [METRIC_##id] = {FAMILY_##family, value},
#include "metrics.def"
#undef FAMILY
#undef METRIC
};

enum metrics_family metrics_family(enum metric metric) { return rows[metric].family; }

const char *metrics_label(enum metric metric) { return rows[metric].label; }

int metrics_is_gap(enum metric metric) {
    return metrics_words[rows[metric].family].label && !rows[metric].label;
}
