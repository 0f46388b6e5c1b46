/* registration_win.h: adds portd to Windows' services, and removes it. */
#ifndef REGISTRATION_WIN_H
#define REGISTRATION_WIN_H

/* The service starts this program with these arguments, whenever the system starts. It is not started now. The arguments are UTF-8. 0; or 1, the
 * reason is on stderr and nothing has changed. */
int registration_win_add(int argc, char **argv);

/* Stops it first. 0; or 1, the reason is on stderr. */
int registration_win_remove(void);

#endif
