/* spawn.h: starts a program that waits for a word before it runs. */
#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct spawn {
    char *const *words;
    int streams[3];   /* its standard input, output and error; the caller's */
    bool on_terminal; /* standard input is a terminal, which is to control it */
};

struct spawned {
    pid_t pid;
    int process; /* a pidfd */
    int gate;    /* the writing end of a pipe, on which the child waits */
    int report;  /* the reading end of one, with the errno of a failed exec */
};

/* Forks a child in a session of its own, with all signals as usual, that does not run the program yet, and ends if this process does.
 * Returns 0 or an errno. */
int spawn_begin(const struct spawn *spawn, struct spawned *spawned);

/* Has it run the program: 0, or the errno of the exec; the child has ended then. */
int spawn_release(struct spawned *spawned);

/* Ends the child, and closes everything. After spawn_release it closes alone. */
void spawn_end(struct spawned *spawned);

#endif
