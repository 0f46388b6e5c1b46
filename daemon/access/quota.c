/* quota.c: names of the quotas, and the metric of refusals. */
#include "quota.h"

#include "daemon/base/metrics.h"

static const char *const names[USER_QUOTAS] = {"sessions", "connections", "descriptors",
                                               "objects",  "waits",       "bytes"};

const char *quota_name(enum user_quota slot) { return names[slot]; }

void quota_count(enum user_quota slot) {
    _Static_assert(METRIC_LIMITS_BYTES - METRIC_LIMITS_SESSIONS == USER_BYTES,
                   "the rows are in the order of the slots");
    metrics_add((enum metric)((int)METRIC_LIMITS_SESSIONS + (int)slot), 1);
}
