/* notification.h: what a program says to its service manager (sd_notify(3)), as far as it is about descriptors. Nothing here knows the broker.
 *
 * Lines, each VARIABLE=VALUE:
 *
 *   FDSTORE=1          hold the descriptors that are attached, under
 *   FDNAME=NAME        this name: printable ASCII without colons; else "stored"
 *   FDPOLL=0           also after their hang-up
 *   FDSTOREREMOVE=1    hold nothing under FDNAME any more
 *   BARRIER=1          alone, with one descriptor: close it when all that was said before is done
 *
 * Of a line that comes twice the first counts. Anything else means nothing here. */
#ifndef NOTIFICATION_H
#define NOTIFICATION_H

#include <stdbool.h>
#include <stddef.h>

enum { NOTIFICATION_NAME = 255 };

struct notification {
    bool barrier, stores, removes;
    bool polls;                       /* not after their hang-up */
    char name[NOTIFICATION_NAME + 1]; /* "": none, or no valid one */
};

/* NULL, or a static text: why it is not heeded, or not all of it. */
const char *notification_read(const char *text, size_t length, size_t n_fds,
                              struct notification *notification);

#endif
