/* log_limit.h: limits the lines of a topic per uid: LOG_LIMIT_LINES in LOG_LIMIT_US; the others are counted, for one sum at the end.
 *
 * The table has a fixed size. Pairs of topic and uid that find no free entry share one entry per topic. */
#ifndef LOG_LIMIT_H
#define LOG_LIMIT_H

#include "log.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOG_LIMIT_LINES = 5, LOG_LIMIT_PAIRS = 64, LOG_LIMIT_US = 10 * 1000 * 1000 };

struct log_limit_entry {
    int64_t ends; /* 0: unused */
    uint64_t left_out;
    unsigned written;
    os_uid uid;
    enum log_topic topic;
    enum log_level level; /* the gravest of the lines left out */
};

struct log_limit {
    struct log_limit_entry pairs[LOG_LIMIT_PAIRS];
    struct log_limit_entry rest[LOG_TOPICS]; /* shared by uids that found no free pair */
    int64_t due;                             /* when the next sum is due, or LOG_NEVER */
};

void log_limit_init(struct log_limit *limit);

/* Whether a line may be written; counts it if not. The caller has taken all sums that are due (log_limit_sum). */
bool log_limit_pass(struct log_limit *limit, enum log_topic topic, os_uid uid, enum log_level level,
                    int64_t now);

/* Takes one sum of an interval that has ended. False: there is none. *several: it is of several uids that share an entry. */
bool log_limit_sum(struct log_limit *limit, int64_t now, struct log_limit_entry *sum, bool *several);

#endif
