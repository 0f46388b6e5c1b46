/* ending.h: how a process has ended, by its pidfd. */
#ifndef ENDING_H
#define ENDING_H

#include <stdbool.h>

struct ending {
    bool known;
    int status; /* of exit */
    int signal; /* 0: it was not one */
};

/* Of a process that has ended: the caller's child, which is reaped then, or any other. */
struct ending ending_of(int process);

#endif
