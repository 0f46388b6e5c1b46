/* log_limit.h: how many lines of one topic a uid may cause: some in a while, and the rest is summed up when it is over.
 *
 * The table has a fixed size. A pair of topic and uid that finds no place shares what its topic has for all of those. */
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
    enum log_level level; /* the gravest of what was left out */
};

struct log_limit {
    struct log_limit_entry pairs[LOG_LIMIT_PAIRS];
    struct log_limit_entry rest[LOG_TOPICS]; /* uids that found no place */
    int64_t due;                             /* when something is to be summed up; LOG_NEVER */
};

void log_limit_init(struct log_limit *limit);

/* Whether a line may be written. If not, it is counted. What is due must have been taken before. */
bool log_limit_pass(struct log_limit *limit, enum log_topic topic, os_uid uid, enum log_level level,
                    int64_t now);

/* One sum of what was left out in a while that is over. False: there is none. `several`: of uids that share. */
bool log_limit_sum(struct log_limit *limit, int64_t now, struct log_limit_entry *sum, bool *several);

#endif
