/* ancestor.h: what the system says of another process. */
#ifndef ANCESTOR_H
#define ANCESTOR_H

#include <stdbool.h>
#include <sys/types.h>

struct ancestor {
    bool runs; /* its main thread has not ended */
    pid_t parent, session;
    uid_t uid;
    unsigned long stack; /* its start address; 0: unknown */
};

/* False: there is no such process, or the system does not say. */
bool ancestor_read(pid_t pid, struct ancestor *process);

#endif
