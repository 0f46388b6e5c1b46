/* quota.h: what users and sessions have a limit of. */
#ifndef QUOTA_H
#define QUOTA_H

enum user_quota {
    USER_SESSIONS,
    USER_CONNECTIONS,
    USER_DESCRIPTORS, /* copies of the client's, pollable handles, owners */
    USER_OBJECTS,     /* semaphores and events */
    USER_WAITS,
    USER_BYTES, /* half frames, unread replies, what waits remember */
    USER_QUOTAS
};

const char *quota_name(enum user_quota slot);

/* For the operator: somebody was refused since it was used up. */
void quota_count(enum user_quota slot);

#endif
