/* opens.h: descriptors of scenarios that are opened in another way, or not at all, on another system. All functions fail or skip the case where
 * there is none. */
#ifndef CONFORMANCE_OPENS_H
#define CONFORMANCE_OPENS_H

/* As in DIFFERENCES.md; "": its rows for all systems are those of this one. */
extern const char opens_system[];

/* PORTD_SOCKET for what has to be given as a socket to fd_to_evt, else PORTD_FD. */
int open_table(int fd);

/* The words of scenarios.txt: event, timer, stopped, memory, null, file, folder, opath, signal. argument: a count or a text. -1: another word. */
int open_kind(const char *what, const char *argument);

/* One that is ready for reading when the target is. */
int open_epoll(int target);

/* A terminal; *slave: its other end. */
int open_terminal(int *slave);

#endif
