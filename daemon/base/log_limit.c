/* log_limit.c: an interval begins with the first line of a pair. Its entry is free again when the interval has ended and its sum has been
 * taken. */
#include "log_limit.h"

#include <string.h>

void log_limit_init(struct log_limit *limit) {
    memset(limit, 0, sizeof(*limit));
    limit->due = LOG_NEVER;
}

static bool is_free(const struct log_limit_entry *entry, int64_t now) {
    return entry->ends <= now && entry->left_out == 0;
}

static struct log_limit_entry *entry_of(struct log_limit *limit, enum log_topic topic, os_uid uid,
                                        int64_t now) {
    struct log_limit_entry *place = NULL;

    for (size_t i = 0; i < LOG_LIMIT_PAIRS; i++) {
        struct log_limit_entry *entry = &limit->pairs[i];
        if (is_free(entry, now))
            place = place ? place : entry;
        else if (entry->topic == topic && entry->uid == uid)
            return entry;
    }
    if (!place)
        place = &limit->rest[topic];
    if (is_free(place, now))
        *place = (struct log_limit_entry){
            .ends = now + LOG_LIMIT_US, .uid = uid, .topic = topic, .level = LOG_LEVEL_DEBUG};
    return place;
}

bool log_limit_pass(struct log_limit *limit, enum log_topic topic, os_uid uid, enum log_level level,
                    int64_t now) {
    struct log_limit_entry *entry = entry_of(limit, topic, uid, now);

    if (entry->written < LOG_LIMIT_LINES) {
        entry->written++;
        return true;
    }
    entry->left_out++;
    if (level < entry->level)
        entry->level = level;
    if (entry->ends < limit->due)
        limit->due = entry->ends;
    return false;
}

static struct log_limit_entry *entry_at(struct log_limit *limit, size_t i) {
    return i < LOG_LIMIT_PAIRS ? &limit->pairs[i] : &limit->rest[i - LOG_LIMIT_PAIRS];
}

bool log_limit_sum(struct log_limit *limit, int64_t now, struct log_limit_entry *sum, bool *several) {
    if (now < limit->due)
        return false;
    limit->due = LOG_NEVER;
    for (size_t i = 0; i < LOG_LIMIT_PAIRS + LOG_TOPICS; i++) {
        struct log_limit_entry *entry = entry_at(limit, i);
        if (entry->left_out == 0)
            continue;
        if (entry->ends > now) {
            limit->due = entry->ends < limit->due ? entry->ends : limit->due;
            continue;
        }
        *sum = *entry;
        *several = i >= LOG_LIMIT_PAIRS;
        entry->left_out = 0;
        limit->due = now; /* there may be more */
        return true;
    }
    return false;
}
