/* quota.h: the resources that are limited per user and session. */
#ifndef QUOTA_H
#define QUOTA_H

enum user_quota {
    USER_SESSIONS,
    USER_CONNECTIONS,
    USER_DESCRIPTORS, /* copies of client descriptors, pollable handles, owners */
    USER_OBJECTS,     /* semaphores and events */
    USER_WAITS,
    USER_BYTES, /* partial frames, unread replies, memory of waits */
    USER_QUOTAS
};

const char *quota_name(enum user_quota slot);

/* Counts a refusal, in METRIC_LIMITS_*. */
void quota_count(enum user_quota slot);

#endif
