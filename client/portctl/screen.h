/* screen.h: the terminal that portctl is run on, and the signals that come from it. */
#ifndef SCREEN_H
#define SCREEN_H

#include <stdbool.h>
#include <sys/ioctl.h>

/* Makes standard input raw if it is a terminal, until screen_close or the exit, and keeps signals, also those that were blocked. Returns a descriptor that is readable when one
 * has come; -1 and errno. Called once. */
int screen_open(void);

/* Whether standard input is a terminal. */
bool screen_is_terminal(void);

/* The size of that terminal, or of the one that standard output is. False: neither is. */
bool screen_size(struct winsize *size);

/* A signal that has come since, each once; 0: none. */
int screen_signal(void);

/* Stops portctl as by SIGTSTP, and goes on when it is continued. */
void screen_stop(void);

/* Makes it raw again, after a stop. */
void screen_renew(void);

/* Gives the terminal back as it was. wipes: what a program may have left on it is ended, too: its other screen, the mouse, a hidden cursor. */
void screen_close(bool wipes);

/* Ends portctl by that signal. */
void screen_raise(int number);

/* As write, but for at most some milliseconds, whatever it is written to: how much, or -1 and errno, EINTR if nothing was. */
long screen_write(int to, const void *bytes, unsigned long size);

/* The same for read: another one that reads from it may have taken what poll told of. */
long screen_read(int from, void *bytes, unsigned long size);

#endif
